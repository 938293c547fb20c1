/**
 * The Chromium driver: opens episodes in leased browsers, each in a context of its own behind the guard, logged in
 * where the caller knows how. Ends what it began when an episode cannot be opened.
 */
import type { BrowserContext } from 'playwright-core'
import type { Task } from '../../tasks/task.ts'
import { EnvironmentError } from '../errors.ts'
import { observer as standardObserver } from '../observe/index.ts'
import type { Driver, OpenOptions } from '../session.ts'
import { type AllowList, allowList, startUrls } from './allow-list.ts'
import { type StorageState, episodeContext } from './context.ts'
import { Deadline, within } from './deadline.ts'
import { RefusalLog } from './log.ts'
import { type BrowserOptions, browserOptions } from './options.ts'
import { perform as standardPerform } from './perform.ts'
import { BrowserPool, type Lease } from './pool.ts'
import { type ChromiumSession, ContextSession, type Perform } from './session.ts'
import type { Observer } from './view.ts'

export interface ChromiumDriverOptions extends Partial<Omit<BrowserOptions, 'deadlines'>> {
  deadlines?: Partial<BrowserOptions['deadlines']>
  /** What a task may reach; default: the origins of its start addresses. See allow-list.ts for the entries. */
  origins?: (task: Task) => readonly string[]
  /** Cookies and storage a task begins with; default: none. */
  storageState?: (task: Task, signal: AbortSignal) => Promise<StorageState | undefined>
  /** Called in the new context before the start address opens, for log-ins; its tabs are closed afterwards. */
  prepare?: (context: BrowserContext, task: Task, signal: AbortSignal) => Promise<void>
  /** Other eyes and hands than the standard ones. */
  observer?: (options: OpenOptions, allows: (url: string) => boolean) => Observer
  perform?: Perform
}

export interface ChromiumDriver extends Driver {
  open(task: Task, options: OpenOptions): Promise<ChromiumSession>
  /** Ids of the browser processes in use that were started here; each leads a process group of its own. */
  pids(): Promise<number[]>
}

/** Browsers tried for one episode. */
const TRIES = 3

export function chromiumDriver(given: ChromiumDriverOptions = {}): ChromiumDriver {
  const { origins, storageState, prepare, observer, perform, ...rest } = given
  const options = browserOptions(rest)
  const pool = new BrowserPool(options)
  const parts: Parts = { options, origins, storageState, prepare, observer, perform }
  return {
    async open(task, open) {
      // What is wrong with the task is found before a place is taken.
      const urls = startUrls(task)
      const allow = allowList(parts.origins?.(task) ?? urls.map(originOf))
      const deadline = new Deadline(`opening task ${task.task_id}`, options.deadlines.open)
      for (let tries = 1; ; tries++) {
        open.signal?.throwIfAborted()
        const lease = await pool.lease(open.signal)
        try {
          const session = await enter(parts, lease, task, allow, open, deadline)
          return await begin(parts, session, urls, open, deadline)
        } catch (error) {
          open.signal?.throwIfAborted()
          // A browser may have died unnoticed while nobody used it; nothing has happened yet, so another one will do.
          if (!(error instanceof DeadBrowserError) || tries >= TRIES) throw error
        }
      }
    },
    pids: () => pool.pids(),
    close: () => pool.close(),
  }
}

interface Parts {
  options: BrowserOptions
  origins: ChromiumDriverOptions['origins']
  storageState: ChromiumDriverOptions['storageState']
  prepare: ChromiumDriverOptions['prepare']
  observer: ChromiumDriverOptions['observer']
  perform: ChromiumDriverOptions['perform']
}

class DeadBrowserError extends EnvironmentError {}

/** A context of its own behind the guard, with one empty tab. */
async function enter(
  parts: Parts,
  lease: Lease,
  task: Task,
  allow: AllowList,
  open: OpenOptions,
  deadline: Deadline,
): Promise<ContextSession> {
  const { options } = parts
  const { browser } = lease.running
  const wait = <T>(what: string, work: Promise<T>): Promise<T> =>
    within(what, work, deadline.remaining(), open.signal)
  const refusals = new RefusalLog()
  let context: BrowserContext | undefined
  let unguard = () => {}
  let contextId = ''
  try {
    const state = await wait(
      'the storage state',
      Promise.resolve(parts.storageState?.(task, lateSignal(open, deadline))),
    )
    const rules = { allow, storageState: state, blocked: refusals.add.bind(refusals) }
    context = await wait('opening a context', episodeContext(browser, options, rules))
    const allows = (url: string) => allow.allows(url)
    const session = new ContextSession({
      task,
      options,
      context,
      allow,
      refusals,
      observer: parts.observer?.(open, allows) ?? eyes(open, options, allows),
      perform: parts.perform ?? standardPerform,
      screenshots: open.screenshots ?? false,
      signal: open.signal,
      stderr: () => lease.running.stderr(),
      tabCount: () => lease.guard.tabs(contextId),
      release: async (broken) => {
        unguard()
        lease.release(broken)
      },
    })
    const { tabsOpen } = session
    const page = await wait('opening a tab', tabsOpen.open())
    const cdp = await wait('reaching the tab', tabsOpen.cdp(page))
    const { targetInfo } = await wait('reaching the tab', cdp.send('Target.getTargetInfo'))
    contextId = targetInfo.browserContextId as string
    unguard = lease.guard.add(contextId, {
      allow,
      blocked: (request) => refusals.add(request),
      frameIds: () => tabsOpen.frameIds(),
    })
    return session
  } catch (error) {
    // Whatever went wrong here, this browser is not to be trusted with the next episode.
    if (context) await within('closing the context', context.close(), options.deadlines.close).catch(() => {})
    lease.release(true)
    if (open.signal?.aborted || deadline.left() === 0) throw error
    throw new DeadBrowserError(`task ${task.task_id} could not be opened: ${firstLine(error)}`, {
      cause: error,
      evidence: { stderr: lease.running.stderr() },
    })
  }
}

/** Logs in and opens the start addresses; closes the session when that fails. */
async function begin(
  { prepare }: Parts,
  session: ContextSession,
  urls: readonly string[],
  open: OpenOptions,
  deadline: Deadline,
): Promise<ChromiumSession> {
  const { task, context, page, tabsOpen } = session
  const wait = <T>(what: string, work: Promise<T>): Promise<T> =>
    within(what, work, deadline.remaining(), open.signal)
  try {
    if (prepare) {
      await wait('the log-in', prepare(context, task, lateSignal(open, deadline)))
      for (const extra of context.pages()) if (extra !== page) await wait('closing a tab', extra.close())
      tabsOpen.activate(page)
    }
    await wait('the start page', session.start(urls))
    return session
  } catch (error) {
    await session.close()
    open.signal?.throwIfAborted()
    if (error instanceof EnvironmentError) throw error
    throw new EnvironmentError(`task ${task.task_id} could not be opened: ${firstLine(error)}`, {
      cause: error,
    })
  }
}

/** What a hook is given: ends with the episode and with the deadline. */
function lateSignal({ signal }: OpenOptions, deadline: Deadline): AbortSignal {
  const late = AbortSignal.timeout(Math.ceil(deadline.left()))
  return signal ? AbortSignal.any([signal, late]) : late
}

const firstLine = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)

const eyes = (open: OpenOptions, options: BrowserOptions, allows: (url: string) => boolean): Observer =>
  standardObserver(open.dialect ?? 'clean', open.addressing, {
    deadlineMs: options.deadlines.observe,
    allows,
  })

function originOf(url: string): string {
  if (!URL.canParse(url)) throw new EnvironmentError(`start_url expects an address, received "${url}"`)
  const { origin, protocol } = new URL(url)
  if (protocol === 'http:' || protocol === 'https:') return origin
  throw new EnvironmentError(
    `start_url expects an http address, received "${url}"; list a file: folder in origins`,
  )
}
