/**
 * What was refused in a session, for its log, and what the agent is told of it.
 */
import type { BlockedRequest } from './guard.ts'

const ENTRIES = 1000
const SENTENCES = 10

export class RefusalLog {
  /** The first thousand; a page that tries without end fills no memory. */
  readonly entries: BlockedRequest[] = []
  #total = 0
  #navigations: BlockedRequest[] = []
  #notices: string[] = []

  /** All that was refused, logged or not. */
  get total(): number {
    return this.#total
  }

  add(request: BlockedRequest): void {
    this.#total++
    if (this.entries.length < ENTRIES) this.entries.push(request)
    if (request.kind === 'navigation') this.#navigations.push(request)
    if (request.kind === 'download') this.notice(`the download of ${short(request.url)} was refused`)
  }

  notice(sentence: string): void {
    if (this.#notices.length < SENTENCES && !this.#notices.includes(sentence)) this.#notices.push(sentence)
  }

  /** The first navigation that was stopped since the last call, as a sentence. */
  takeNavigation(staying: string): string | undefined {
    const [first] = this.#navigations
    this.#navigations = []
    return (
      first &&
      `${short(first.url)} is not one of this task's sites and was not opened; you are still on ${short(staying)}`
    )
  }

  takeNotices(): string[] {
    const notices = this.#notices
    this.#notices = []
    return notices
  }
}

const short = (url: string): string => (url.length > 200 ? `${url.slice(0, 200)}...` : url)
