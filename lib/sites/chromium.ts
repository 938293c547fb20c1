/**
 * The embedded sites in a real browser: served on loopback, one fresh world per episode, which its browser context
 * is bound to on every host before the first page opens. Tasks have to be made with this driver's origins. A page
 * that breaks on the server is an EnvironmentError, as it is in process.
 */
import type { Task } from '../tasks/task.ts'
import { type ChromiumDriverOptions, chromiumDriver } from '../web/chromium/driver.ts'
import type { ChromiumSession } from '../web/chromium/session.ts'
import { EnvironmentError } from '../web/errors.ts'
import type { OpenOptions } from '../web/session.ts'
import { SuiteError, sitesOfTask } from './backend.ts'
import type { Origins, World, WorldDriver, WorldSession } from './kit.ts'
import type { EmbeddedWeb } from './registry.ts'
import { type ServeOptions, serveSites } from './server.ts'

export interface EmbeddedChromiumOptions {
  /** Where tasks may go and what they begin with is set here and cannot be changed. */
  browser?: Omit<ChromiumDriverOptions, 'origins' | 'storageState' | 'prepare'>
  server?: ServeOptions
}

export type EmbeddedChromiumSession = ChromiumSession & WorldSession

export interface EmbeddedChromiumDriver extends WorldDriver {
  /** Where the sites are served; for taskFrom and buildSuite. */
  readonly origins: Origins
  open(task: Task, options: OpenOptions): Promise<EmbeddedChromiumSession>
  /** Worlds in use. */
  readonly worlds: number
  /** Ids of the browser processes. */
  pids(): Promise<number[]>
}

export async function embeddedChromium(
  web: EmbeddedWeb,
  options: EmbeddedChromiumOptions = {},
): Promise<EmbeddedChromiumDriver> {
  const broken = new WeakMap<World, { url: string; cause: unknown }>()
  const server = await serveSites(watched(web, broken), options.server)
  const origins = Object.values(server.origins)
  /** Keys of worlds by the copy of the task that one episode plays. */
  const keys = new Map<Task, string>()
  const browsers = chromiumDriver({
    ...options.browser,
    origins: () => origins,
    storageState: async (task) => ({ cookies: server.cookies(keys.get(task) ?? ''), origins: [] }),
  })
  return {
    origins: server.origins,
    get worlds() {
      return keys.size
    },
    pids: () => browsers.pids(),
    async open(given, open) {
      const task = { ...given }
      const { key, world } = server.createWorld(seedOf(task, web, origins))
      const release = () => {
        keys.delete(task)
        server.release(key)
      }
      keys.set(task, key)
      try {
        const session = await browsers.open(task, open)
        return withWorld(session, world, () => broken.get(world), release)
      } catch (error) {
        release()
        throw error
      }
    },
    async close() {
      try {
        await browsers.close()
      } finally {
        await server.close()
      }
    },
  }
}

function seedOf(task: Task, web: EmbeddedWeb, origins: readonly string[]): number {
  sitesOfTask(task, web)
  if (!task.embedded)
    throw new SuiteError(`task ${task.task_id} has no "embedded" part, which holds its world's seed`)
  const elsewhere = task.start_url.split(' |AND| ').find((url) => !origins.includes(originOf(url)))
  if (elsewhere !== undefined) {
    throw new SuiteError(
      `task ${task.task_id}: start_url expects one of ${origins.join(', ')}, received "${elsewhere}"; ` +
        "make the task with this driver's origins",
    )
  }
  return task.embedded.world_seed
}

const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : '')

/** The same web, remembering which world a page broke in: the browser only sees an error page. */
function watched(web: EmbeddedWeb, broken: WeakMap<World, { url: string; cause: unknown }>): EmbeddedWeb {
  return {
    ...web,
    async fetch(request, env) {
      try {
        const response = await web.fetch(request, env)
        if (response.status >= 500)
          broken.set(env.world, { url: request.url, cause: new Error(`it answered ${response.status}`) })
        return response
      } catch (cause) {
        broken.set(env.world, { url: request.url, cause })
        return new Response('this page is broken', { status: 500 })
      }
    },
  }
}

/** The session itself, with its world; closing it also forgets the world. */
function withWorld(
  session: ChromiumSession,
  world: World,
  breakage: () => { url: string; cause: unknown } | undefined,
  release: () => void,
): EmbeddedChromiumSession {
  const act = session.act.bind(session)
  const close = session.close.bind(session)
  const extra: Pick<EmbeddedChromiumSession, 'world' | 'act' | 'close'> = {
    world,
    async act(action) {
      const outcome = await act(action)
      const failure = breakage()
      if (failure) throw new EnvironmentError(`the site failed at ${failure.url}`, { cause: failure.cause })
      return outcome
    },
    close: () => close().finally(release),
  }
  return Object.assign(session, extra)
}
