/**
 * One episode in Chromium: a context of its own, the agent's tabs in it, the last view, and pages beside them for
 * evaluators. What the policy does wrong is an outcome; what the browser or a site does wrong is an
 * EnvironmentError with evidence; nothing waits without a deadline.
 */
import type { BrowserContext, Page } from 'playwright-core'
import type { EvaluationPage } from '../../tasks/pages.ts'
import type { Task } from '../../tasks/task.ts'
import type { Action } from '../action.ts'
import { EnvironmentError } from '../errors.ts'
import type { Observation } from '../observation.ts'
import type { ActOutcome, PageSnapshot, Session } from '../session.ts'
import type { AllowList } from './allow-list.ts'
import { Deadline, within } from './deadline.ts'
import { Dialogs } from './dialogs.ts'
import { evaluationPage } from './evaluation.ts'
import { ConsoleTail, collectEvidence, withEvidence } from './evidence.ts'
import type { BlockedRequest } from './guard.ts'
import type { Hands } from './hands.ts'
import type { RefusalLog } from './log.ts'
import { load, resolveAddress } from './navigate.ts'
import type { BrowserOptions } from './options.ts'
import { handsOn } from './reach.ts'
import { Settling } from './settling.ts'
import { Tabs } from './tabs.ts'
import { Upkeep } from './upkeep.ts'
import type { Observer, View } from './view.ts'

export type Perform = (action: Action, hands: Hands) => Promise<ActOutcome>

export interface ChromiumSession extends Session {
  readonly task: Task
  readonly context: BrowserContext
  /** The agent's tab. */
  readonly page: Page
  /** What the allow-list and the rules against downloads stopped, in order; the first thousand. */
  readonly blocked: readonly BlockedRequest[]
}

export interface SessionSetup {
  task: Task
  options: BrowserOptions
  context: BrowserContext
  allow: AllowList
  refusals: RefusalLog
  observer: Observer
  perform: Perform
  screenshots: boolean
  signal: AbortSignal | undefined
  stderr: () => string[]
  /** Tabs the browser has in this context, those among them that Playwright has not reported yet. */
  tabCount: () => number
  /** Called once, at the end; `broken` where the browser is of no more use. */
  release: (broken: boolean) => Promise<void>
}

const OK: ActOutcome = { ok: true }
const fail = (error: string): ActOutcome => ({ ok: false, error })
const ALIVE_MS = 2000
const LOOKS = 4
const GONE = /(browser|context|connection) (has been )?closed/i
const MAX_TAB_TITLE = 200

export class ContextSession implements ChromiumSession {
  readonly task: Task
  readonly context: BrowserContext
  readonly tabsOpen: Tabs
  readonly #setup: SessionSetup
  readonly #options: BrowserOptions
  readonly #settling: Settling
  readonly #upkeep: Upkeep
  readonly #dialogs: Dialogs
  readonly #console: ConsoleTail
  readonly #end = new AbortController()
  readonly #signal: AbortSignal
  #view: View | undefined
  /** Called when a page opens dialogs or tabs without end. */
  #flooded = () => {}
  /** Page that crashed. */
  #crashed: Page | undefined
  #closed: Promise<void> | undefined
  readonly #gone = () => this.#break('the browser died')

  constructor(setup: SessionSetup) {
    this.#setup = setup
    this.#options = setup.options
    this.task = setup.task
    this.context = setup.context
    const signals = setup.signal ? [setup.signal, this.#end.signal] : [this.#end.signal]
    this.#signal = AbortSignal.any(signals)
    this.tabsOpen = new Tabs(setup.context, setup.options.maxTabs, {
      crashed: (page) => this.#break(`the page at ${page.url()} crashed`, page),
      flooded: () => this.#flooded(),
    })
    setup.context.browser()?.on('disconnected', this.#gone)
    this.#settling = new Settling({ ...setup, tabs: this.tabsOpen, signal: this.#signal })
    this.#dialogs = new Dialogs(setup.context, setup.options.dialogs, () => this.#flooded())
    this.#console = new ConsoleTail(setup.context)
    this.#upkeep = new Upkeep({
      ...setup,
      tabs: this.tabsOpen,
      dialogs: this.#dialogs,
      settling: this.#settling,
      signal: this.#signal,
    })
    setup.context.on('page', (page) => this.#watch(page))
  }

  get page(): Page {
    return this.tabsOpen.current
  }

  get blocked(): readonly BlockedRequest[] {
    return this.#setup.refusals.entries
  }

  /** Opens the start addresses, one tab each, the first one active. */
  async start(urls: readonly string[]): Promise<void> {
    await this.#guarded('opening the start page', async () => {
      for (const [index, address] of urls.entries()) {
        const page = index === 0 ? this.page : await this.tabsOpen.open()
        const resolved = resolveAddress(address, '', this.#setup.allow)
        if ('error' in resolved) throw new EnvironmentError(`task ${this.task.task_id}: ${resolved.error}`)
        const answer = await load(page, resolved.url, this.#options.deadlines.navigation, this.#signal)
        if ('error' in answer)
          throw new EnvironmentError(`task ${this.task.task_id} cannot start: ${answer.error}`)
        if (answer.status !== undefined && answer.status >= 500) {
          throw new EnvironmentError(
            `task ${this.task.task_id} cannot start: ${address} answered ${answer.status}`,
          )
        }
        await this.#settling.settle(page)
      }
      const [first] = this.tabsOpen.list
      if (first) this.tabsOpen.activate(first)
    })
  }

  async observe(): Promise<Observation> {
    return this.#guarded('observing the page', async () => {
      const ms = this.#options.deadlines.observe
      this.#view = await this.#look(ms)
      const { page } = this
      this.#upkeep.saw(page.url())
      const observation: Observation = { ...this.#view.observation, tabs: await this.#tabList() }
      const notices = [...this.#setup.refusals.takeNotices(), ...this.#dialogs.take()]
      if (notices.length > 0) observation.notices = notices
      if (this.#setup.screenshots) {
        const shot = this.tabsOpen
          .cdp(page)
          .then((cdp) => cdp.send('Page.captureScreenshot', { format: 'png' }))
        observation.screenshot = Buffer.from(
          (await within('a screenshot', shot, ms, this.#signal)).data,
          'base64',
        )
      }
      return observation
    })
  }

  async act(action: Action): Promise<ActOutcome> {
    if (action.kind === 'exit') return OK
    if (action.kind === 'invalid') return fail(action.reason)
    return this.#guarded('acting on the page', async () => {
      if (!this.#view) await this.observe()
      const view = this.#view as View
      const { page } = this
      const before = page.url()
      this.#setup.refusals.takeNavigation('')
      this.#settling.stir(page)
      const outcome = await this.#perform(action, page, view)
      // What the action set going may take a moment to show: the quiet span counts from its end.
      this.#settling.stir(page)
      this.tabsOpen.follow()
      const settled = this.tabsOpen.active ? await this.#settling.settle(this.page) : undefined
      await this.#settling.arrivals()
      if (this.tabsOpen.follow()) await this.#settling.settle(this.page)
      if (!outcome.ok) return outcome
      const stopped = this.#setup.refusals.takeNavigation(this.tabsOpen.active?.url() ?? before)
      return stopped === undefined ? (settled ?? OK) : fail(stopped)
    })
  }

  async snapshot(): Promise<PageSnapshot> {
    return this.#guarded('reading the page', async () => {
      await this.#upkeep.putRight()
      const { page } = this
      const read = Promise.all([page.title(), page.content()])
      const [title, html] = await within(
        `reading ${page.url()}`,
        read,
        this.#options.deadlines.observe,
        this.#signal,
      )
      return { url: page.url(), title, html }
    })
  }

  async last(): Promise<EvaluationPage> {
    return this.#guarded('evaluating the page', async () => {
      await this.#upkeep.putRight()
      return evaluationPage(this.page, this.#options.deadlines.evaluate, this.#signal)
    })
  }

  async open(url: string): Promise<EvaluationPage> {
    return this.#guarded(`opening ${url} for the evaluator`, async () => {
      const ms = this.#options.deadlines.navigation
      const resolved = resolveAddress(url, this.tabsOpen.active?.url() ?? '', this.#setup.allow)
      if ('error' in resolved) throw new EnvironmentError(`an evaluator's page: ${resolved.error}`)
      const page = await within('opening a tab', this.tabsOpen.openHidden(), ms, this.#signal)
      const answer = await load(page, resolved.url, ms, this.#signal)
      if ('error' in answer) throw new EnvironmentError(`an evaluator's page: ${answer.error}`)
      if (answer.status !== undefined && answer.status >= 502 && answer.status <= 504) {
        throw new EnvironmentError(`an evaluator's page: ${url} answered ${answer.status}`)
      }
      await this.#settling.settle(page)
      return evaluationPage(page, this.#options.deadlines.evaluate, this.#signal)
    })
  }

  async tabs(): Promise<string[]> {
    return this.tabsOpen.list.map((page) => page.url())
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      const died = this.#end.signal.aborted
      this.#end.abort(new EnvironmentError('the session is closed'))
      this.context.browser()?.off('disconnected', this.#gone)
      const ms = this.#options.deadlines.close
      const broken = await within('closing the session', this.context.close(), ms).then(
        () => died,
        () => true,
      )
      await this.#setup.release(broken)
    })()
    return this.#closed
  }

  #watch(page: Page): void {
    page.on('download', (download) => {
      this.#setup.refusals.add({ url: download.url(), kind: 'download', time: Date.now() })
      void download.cancel().catch(() => {})
    })
    // Listening is what keeps the chooser from opening.
    page.on('filechooser', () => this.#setup.refusals.notice('the page asked for a file, which was refused'))
  }

  async #perform(action: Action, page: Page, view: View): Promise<ActOutcome> {
    const { deadlines } = this.#options
    const deadline = new Deadline(`the action ${action.kind}`, deadlines.action)
    try {
      const hands = handsOn({
        ...this.#setup,
        page,
        view,
        deadline,
        tabs: this.tabsOpen,
        settling: this.#settling,
        signal: this.#signal,
      })
      return await this.#setup.perform(action, hands)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (page.isClosed()) return OK
      const alive = await within('an answer of the page', page.evaluate('0'), ALIVE_MS).then(
        () => true,
        () => false,
      )
      if (!alive && !this.#dialogs.floods(page)) throw error
      return fail(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
    }
  }

  /** The page that is left when floods of dialogs and tabs have been stopped. */
  async #look(ms: number): Promise<View> {
    for (let looks = 0; looks < LOOKS; looks++) {
      await this.#upkeep.putRight()
      const { page } = this
      const flood = new Promise<undefined>((resolve) => {
        this.#flooded = () => resolve(undefined)
      })
      const look = Promise.race([this.#setup.observer.look(page), flood])
      const view = await within(`observing ${page.url()}`, look, ms, this.#signal)
      if (view) return view
    }
    throw new EnvironmentError(`the pages of the task open dialogs or tabs without end`)
  }

  async #tabList() {
    return Promise.all(
      this.tabsOpen.list.map(async (page) => {
        const title = await within('a title', page.title(), ALIVE_MS).catch(() => '')
        return {
          title: title.slice(0, MAX_TAB_TITLE),
          url: page.url(),
          active: page === this.tabsOpen.active,
        }
      }),
    )
  }

  /** Ends every wait: nothing more can come. */
  #break(why: string, page?: Page): void {
    this.#crashed ??= page
    this.#end.abort(new EnvironmentError(why))
  }

  /** Every failure leaves as an EnvironmentError with evidence, but the episode's own abort. */
  async #guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      this.#signal.throwIfAborted()
      return await work()
    } catch (error) {
      this.#setup.signal?.throwIfAborted()
      // The last words of a dying browser may come before the news of its death.
      if (!(error instanceof EnvironmentError) && GONE.test(String(error))) this.#gone()
      const cause: unknown = this.#end.signal.aborted ? this.#end.signal.reason : error
      if (cause instanceof EnvironmentError && cause.evidence?.console) throw cause
      const page = this.#crashed ?? this.tabsOpen.active
      const evidence = await collectEvidence(page, this.#console.lines, this.#setup.stderr())
      const url = evidence.url ?? this.#upkeep.lastSeen
      throw withEvidence(cause, url === undefined ? evidence : { ...evidence, url }, doing)
    }
  }
}
