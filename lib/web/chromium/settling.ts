/**
 * What happens between an action and the next look: the page settles, tabs that were opened arrive, and a page that
 * does not come is given up with a sentence for the agent. A site that cannot be reached is the environment's failure.
 */
import type { BrowserContext, Page } from 'playwright-core'
import { EnvironmentError } from '../errors.ts'
import type { ActOutcome } from '../session.ts'
import { Deadline, pause, within } from './deadline.ts'
import { travel, unreachable } from './navigate.ts'
import type { BrowserOptions } from './options.ts'
import type { Tabs } from './tabs.ts'
import { Traffic } from './traffic.ts'

const ALIVE_MS = 2000
const ERROR_PAGE_MS = 1000

export interface SettlingParts {
  options: BrowserOptions
  context: BrowserContext
  tabs: Tabs
  signal: AbortSignal
  /** Tabs the browser has in this context, those among them that Playwright has not reported yet. */
  tabCount: () => number
}

export class Settling {
  readonly #parts: SettlingParts
  readonly #traffic: Traffic

  constructor(parts: SettlingParts) {
    this.#parts = parts
    this.#traffic = new Traffic(parts.context)
  }

  /** Counts the page as stirring now: the quiet span it has to show begins anew. */
  stir(page: Page): void {
    this.#traffic.stir(page)
  }

  /** A tab that an action opens is reported only when its first answer has come. */
  async arrivals(): Promise<void> {
    const { settle } = this.#parts.options
    if (settle.mode === 'fixed') return
    const end = performance.now() + settle.capMs
    while (this.#parts.tabCount() > this.#parts.context.pages().length && performance.now() < end) {
      await pause(20, this.#parts.signal)
    }
  }

  /** Waits until the page has settled; undefined where nothing is to be said about it. */
  async settle(page: Page): Promise<ActOutcome | undefined> {
    const { settle, deadlines } = this.#parts.options
    const ended = await this.#traffic.settle(
      page,
      settle,
      new Deadline('settling', deadlines.navigation),
      this.#parts.signal,
    )
    const failure = this.#traffic.failure(page)
    if (unreachable(failure)) throw new EnvironmentError(`a page of the task cannot be reached: ${failure}`)
    if (ended !== 'settled') await this.stop(page)
    if (ended === 'unanswered') {
      return fail(
        `the next page did not come within ${deadlines.navigation} ms; you are still on ${page.url()}`,
      )
    }
    if (await this.#failed(page, failure)) {
      const cdp = await this.#parts.tabs.cdp(page)
      await travel(cdp, -1, ALIVE_MS, this.#parts.signal)
      await this.#traffic.settle(
        page,
        settle,
        new Deadline('settling', deadlines.navigation),
        this.#parts.signal,
      )
      return fail(
        `the next page did not load (${failure ?? 'no reason given'}); you are back on ${page.url()}`,
      )
    }
    return undefined
  }

  /** Whether an error page stands in the place of what did not load; it comes a moment after the failure. */
  async #failed(page: Page, failure: string | undefined): Promise<boolean> {
    const shown = () => !page.isClosed() && page.url().startsWith('chrome-error:')
    if (failure === undefined || failure.includes('ERR_ABORTED')) return shown()
    const end = performance.now() + ERROR_PAGE_MS
    while (!shown() && performance.now() < end) await pause(20, this.#parts.signal)
    return shown()
  }

  /** Gives up what the page is waiting for. */
  async stop(page: Page): Promise<void> {
    const stop = this.#parts.tabs.cdp(page).then((cdp) => cdp.send('Page.stopLoading'))
    await within('stopping the page', stop, ALIVE_MS).catch(() => {})
    this.#traffic.stopped(page)
  }
}

const fail = (error: string): ActOutcome => ({ ok: false, error })
