/**
 * Keeps the agent on a tab that can be looked at: pop-ups are followed, pages that open dialogs or tabs without end
 * are closed, and when no tab is left, the last page the agent has seen is opened again.
 */
import { EnvironmentError } from '../errors.ts'
import { within } from './deadline.ts'
import type { Dialogs } from './dialogs.ts'
import type { RefusalLog } from './log.ts'
import { load } from './navigate.ts'
import type { BrowserOptions } from './options.ts'
import type { Settling } from './settling.ts'
import type { Tabs } from './tabs.ts'

const OPENER_MS = 2000

export interface UpkeepParts {
  options: BrowserOptions
  tabs: Tabs
  dialogs: Dialogs
  settling: Settling
  refusals: RefusalLog
  signal: AbortSignal
}

export class Upkeep {
  readonly #parts: UpkeepParts
  /** Addresses of the pages the agent has seen, the last one at the end. */
  readonly #trail: string[] = []

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  /** Address the agent has seen last. */
  get lastSeen(): string | undefined {
    return this.#trail.at(-1)
  }

  saw(url: string): void {
    if (this.#trail.at(-1) !== url) this.#trail.push(url)
  }

  /** Sees to it that there is a tab that can be looked at; the agent is told what was done for it. */
  async putRight(): Promise<void> {
    const { tabs, dialogs, refusals, options, signal } = this.#parts
    if (tabs.follow()) await this.#parts.settling.settle(tabs.current)
    const { refused, flood } = tabs.reset()
    if (refused > 0) refusals.notice(`${refused} tabs were closed as they opened by themselves`)
    const { active } = tabs
    const [first] = flood
    const opener = first && (await within('the opener of a tab', first.opener(), OPENER_MS).catch(() => null))
    const bad = first ? (opener ?? active) : active && dialogs.floods(active) ? active : undefined
    if (bad) {
      const url = bad.url()
      if (active === bad || !active || flood.includes(active)) await this.#replace((seen) => seen !== url)
      for (const page of [bad, ...flood]) {
        await within('closing a tab', page.close(), options.deadlines.close, signal)
      }
      tabs.reset()
      refusals.notice(
        `${url} opened ${first ? 'tabs' : 'dialogs'} without end and was closed; this is ${tabs.current.url()}`,
      )
    } else if (!active) {
      await this.#replace(() => true)
      refusals.notice(`the last tab closed itself; this is ${tabs.current.url()}`)
    }
    dialogs.reset()
  }

  /** A new tab on the last page the agent has seen that is good enough. */
  async #replace(good: (url: string) => boolean): Promise<void> {
    const url = this.#trail.findLast(good)
    const { tabs, settling, options, signal } = this.#parts
    const { deadlines } = options
    const page = await within('opening a tab', tabs.open(), deadlines.navigation, signal)
    if (url === undefined) return
    const answer = await load(page, url, deadlines.navigation, signal)
    if ('error' in answer) throw new EnvironmentError(answer.error)
    await settling.settle(page)
  }
}
