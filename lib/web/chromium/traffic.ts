/**
 * What a page has under way: a navigation, a document that is still coming, requests in flight, and when it last
 * stirred. Settling waits on it.
 */
import type { BrowserContext, Page, Request } from 'playwright-core'
import { type Deadline, pause, within } from './deadline.ts'
import type { SettleStrategy } from './options.ts'

interface Activity {
  inFlight: Set<Request>
  /** Asked for, no answer yet. */
  navigation: Request | undefined
  /** Answered, still coming. */
  document: Request | undefined
  /** Why the last navigation failed, in the browser's words. */
  failure: string | undefined
  /** performance.now() of the last event. */
  last: number
}

/** Streams that stay open are no sign of unrest. */
const ENDLESS = new Set(['eventsource', 'websocket', 'ping', 'media'])
const TICK_MS = 20

export class Traffic {
  readonly #activity = new WeakMap<Page, Activity>()

  constructor(context: BrowserContext) {
    context.on('request', (request) => {
      const activity = this.#by(request)
      if (!activity) return
      activity.inFlight.add(request)
      if (isDocument(request)) {
        activity.navigation = request
        activity.document = undefined
        activity.failure = undefined
      }
      activity.last = performance.now()
    })
    context.on('response', (response) => {
      const request = response.request()
      const activity = this.#by(request)
      if (activity?.navigation !== request) return
      activity.navigation = undefined
      activity.document = request
    })
    const end = (request: Request) => {
      const activity = this.#by(request)
      if (!activity) return
      activity.inFlight.delete(request)
      if (activity.navigation === request) {
        activity.navigation = undefined
        activity.failure = request.failure()?.errorText
      }
      if (activity.document === request) activity.document = undefined
      activity.last = performance.now()
    }
    context.on('requestfinished', end)
    context.on('requestfailed', end)
  }

  /** "net::ERR_..." of the last navigation, where it failed before any answer. */
  failure(page: Page): string | undefined {
    return this.#of(page).failure
  }

  /** Counts the page as stirring now, so that settling waits at least one quiet span. */
  stir(page: Page): void {
    this.#of(page).last = performance.now()
  }

  /** Forgets what was under way when the page was stopped. */
  stopped(page: Page): void {
    this.#activity.delete(page)
  }

  /**
   * Waits until the page has settled. When the deadline is used up before: 'unanswered' where the document asked for
   * has not come, 'loading' where it has begun and does not end. A closed page is settled.
   */
  async settle(
    page: Page,
    strategy: SettleStrategy,
    deadline: Deadline,
    signal: AbortSignal | undefined,
  ): Promise<'settled' | 'unanswered' | 'loading'> {
    if (strategy.mode === 'fixed') {
      await pause(Math.min(strategy.ms, deadline.left()), signal)
      return 'settled'
    }
    let since: number | undefined
    while (!page.isClosed()) {
      const { inFlight, last, navigation, document } = this.#of(page)
      if (navigation || document) {
        since = undefined
        if (deadline.left() === 0) return navigation ? 'unanswered' : 'loading'
      } else {
        const now = performance.now()
        since ??= now
        const quiet = inFlight.size === 0 && now - last >= strategy.quietMs
        if (quiet || now - since >= strategy.capMs) {
          await drawn(page, strategy.capMs, signal)
          const after = this.#of(page)
          if (!after.navigation && !after.document) return 'settled'
        }
      }
      await pause(TICK_MS, signal)
    }
    return 'settled'
  }

  #by(request: Request): Activity | undefined {
    if (ENDLESS.has(request.resourceType())) return undefined
    try {
      return this.#of(request.frame().page())
    } catch {
      // Requests of workers, and of pages that are not there yet, have no frame.
      return undefined
    }
  }

  #of(page: Page): Activity {
    let activity = this.#activity.get(page)
    if (!activity) {
      activity = {
        inFlight: new Set(),
        navigation: undefined,
        document: undefined,
        failure: undefined,
        last: performance.now(),
      }
      this.#activity.set(page, activity)
    }
    return activity
  }
}

/**
 * Without a request in flight a document may still have to be parsed, and a new one has no layout before its first
 * frame. A page that gives no frame is taken without.
 */
async function drawn(page: Page, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const frame = async () => {
    await page.waitForLoadState('domcontentloaded', { timeout: ms })
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => done(0)))')
  }
  await within('drawing', frame(), ms, signal).catch(() => signal?.throwIfAborted())
}

const isDocument = (request: Request): boolean =>
  request.isNavigationRequest() && request.frame().parentFrame() === null
