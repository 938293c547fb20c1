/**
 * Plays MiniWoB++ through any driver whose pages run JavaScript: opens the page, starts the seeded episode, hands on
 * the page's own words as the session's intent and the page's own reward as its verdict.
 */
import { LocatorError } from '../../tasks/locator.ts'
import type { EvaluationPage, LocatedValue } from '../../tasks/pages.ts'
import type { Task } from '../../tasks/task.ts'
import { EnvironmentError } from '../../web/errors.ts'
import type { Driver, OpenOptions, Session, Verdict } from '../../web/session.ts'
import { pauseBefore } from '../wait.ts'
import {
  type EpisodeStart,
  episodeState,
  PREPARED,
  READY,
  STATE,
  startExpression,
  succeeded,
  UTTERANCE,
  utteranceText,
} from './protocol.ts'
import { miniwobTaskOf, type Thresholds } from './tasks.ts'

export interface MiniwobOptions {
  thresholds?: Thresholds
  /** Default "train", as in the Python package. */
  dataMode?: EpisodeStart['dataMode']
  /** Until a page ends its episode by itself; default a day: the agent's own limits end episodes. */
  maxTimeMs?: number
  /** For a page to load and to get ready; default 30 000. */
  deadlineMs?: number
}

export interface MiniwobSession extends Session {
  readonly intent: string
  verdict(): Promise<Verdict | undefined>
  /** Another episode of the same task on the page as it is, or, with `reload`, on the page loaded anew. */
  restart(seed: number, options?: { reload?: boolean }): Promise<void>
}

const POLL_MS = 20

export function miniwobDriver(
  driver: Driver,
  options: MiniwobOptions = {},
): Driver & { open(task: Task, open: OpenOptions): Promise<MiniwobSession> } {
  return {
    async open(task, open) {
      const { name, seed } = miniwobTaskOf(task)
      const session = await driver.open(task, open)
      try {
        return await PlayedPage.start(session, name, task.start_url, seed, options, open.signal)
      } catch (error) {
        await session.close()
        throw error
      }
    },
    close: () => driver.close(),
  }
}

class PlayedPage implements MiniwobSession {
  readonly #session: Session
  readonly #name: string
  readonly #url: string
  readonly #options: MiniwobOptions
  readonly #signal: AbortSignal | undefined
  #seed = -1
  #intent = ''

  private constructor(
    session: Session,
    name: string,
    url: string,
    options: MiniwobOptions,
    signal: AbortSignal | undefined,
  ) {
    this.#session = session
    this.#name = name
    this.#url = url
    this.#options = options
    this.#signal = signal
  }

  static async start(
    session: Session,
    name: string,
    url: string,
    seed: number,
    options: MiniwobOptions,
    signal: AbortSignal | undefined,
  ): Promise<PlayedPage> {
    const page = new PlayedPage(session, name, url, options, signal)
    await page.restart(seed)
    return page
  }

  get intent(): string {
    return this.#intent
  }

  async restart(seed: number, { reload = false } = {}): Promise<void> {
    if (reload) {
      const outcome = await this.#session.act({ kind: 'goto', url: this.#url })
      if (!outcome.ok)
        throw new EnvironmentError(`MiniWoB++ ${this.#name} could not be reloaded: ${outcome.error}`)
    }
    const page = await this.#session.last()
    await this.#until(page, PREPARED, 'load')
    const { dataMode = 'train', maxTimeMs = 86_400_000 } = this.#options
    await page.evaluate(startExpression({ seed, dataMode, maxTimeMs })).catch((cause: unknown) => {
      if (!(cause instanceof LocatorError)) throw cause
      throw new EnvironmentError(`MiniWoB++ ${this.#name} could not be started: ${cause.message}`, { cause })
    })
    await this.#until(page, READY, 'get ready')
    const text = utteranceText(await evaluated(page, UTTERANCE))
    if (text === undefined)
      throw new EnvironmentError(`MiniWoB++ ${this.#name} does not say what is to be done`)
    this.#seed = seed
    this.#intent = text
  }

  /** The verdict on the episode that was started here; undefined while it runs, and on a page the agent left for another. */
  async verdict(): Promise<Verdict | undefined> {
    const page = await this.#session.last()
    const state = episodeState(await evaluated(page, STATE))
    if (!state?.done || state.seed !== this.#seed) return undefined
    const success = succeeded(state.raw, this.#options.thresholds?.[this.#name])
    return { success, reward: state.raw, reason: state.reason ?? (success ? 'solved' : 'not solved') }
  }

  async #until(page: EvaluationPage, expression: string, what: string): Promise<void> {
    const { deadlineMs = 30_000 } = this.#options
    const deadline = performance.now() + deadlineMs
    do {
      if ((await evaluated(page, expression)) === true) return
    } while (await pauseBefore(deadline, POLL_MS, this.#signal))
    throw new EnvironmentError(
      `MiniWoB++ ${this.#name} did not ${what} within ${deadlineMs} ms at ${page.url}`,
    )
  }

  observe: Session['observe'] = () => this.#session.observe()
  act: Session['act'] = (action) => this.#session.act(action)
  snapshot: Session['snapshot'] = () => this.#session.snapshot()
  last: Session['last'] = () => this.#session.last()
  open: Session['open'] = (url) => this.#session.open(url)
  tabs: Session['tabs'] = () => this.#session.tabs()
  close: Session['close'] = () => this.#session.close()
}

/** undefined while the page is on its way to another. */
async function evaluated(page: EvaluationPage, expression: string): Promise<LocatedValue> {
  try {
    return await page.evaluate(expression)
  } catch (error) {
    if (error instanceof LocatorError) return undefined
    throw error
  }
}
