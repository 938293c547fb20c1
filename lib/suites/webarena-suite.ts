/**
 * WebArena's tasks as suites ready to be played in Chromium: WebArena-Lite and other rewarded files, and WebRL's
 * tasks without a reward. Puts together tasks, allow-list, login, locks and resets; decides nothing of its own.
 */
import { type ChromiumDriverOptions, chromiumDriver } from '../web/chromium/driver.ts'
import type { Driver } from '../web/session.ts'
import { type LoginOptions, loginHook } from './login.ts'
import { canReset, type ResetPlan, resetSites } from './reset.ts'
import type { Suite } from './suite.ts'
import { readTasks } from './task-file.ts'
import { type WebArenaOptions, WebArenaTasks } from './webarena.ts'
import { readWebRlTasks } from './webrl-tasks.ts'

export interface WebArenaSuiteOptions extends WebArenaOptions {
  /** The user's task file or folder. */
  path: string
  login?: Omit<LoginOptions, 'sitesOf'>
  reset?: ResetPlan
  /** Options of the browser driver; its allow-list and login hook come from the suite. */
  browser?: Omit<ChromiumDriverOptions, 'origins' | 'prepare' | 'storageState'>
  /** Another driver than Chromium's, given the suite's hooks. */
  driver?: (hooks: Required<Pick<ChromiumDriverOptions, 'origins' | 'prepare'>>) => Driver
}

export interface WebArenaSuite extends Suite {
  readonly name: 'webarena-lite' | 'webrl'
  readonly webarena: WebArenaTasks
}

/** WebArena-Lite's raw file, or any other file of rewarded tasks in its form. */
export async function openWebArenaLite(options: WebArenaSuiteOptions): Promise<WebArenaSuite> {
  return suiteOf('webarena-lite', new WebArenaTasks(await readTasks(options.path), options), options)
}

/** WebRL's tasks without a reward; `mutates` says what an unlabelled task is taken to do (default true). */
export async function openWebRl(
  options: WebArenaSuiteOptions & { mutates?: boolean },
): Promise<WebArenaSuite> {
  const { mutates = true } = options
  return suiteOf(
    'webrl',
    new WebArenaTasks(await readWebRlTasks(options.path, { mutates }), options),
    options,
  )
}

function suiteOf(
  name: WebArenaSuite['name'],
  webarena: WebArenaTasks,
  { login, reset, browser, driver }: WebArenaSuiteOptions,
): WebArenaSuite {
  const hooks = {
    origins: (task: Suite['tasks'][number]) => webarena.origins(task),
    prepare: loginHook({ ...login, sitesOf: (task) => webarena.sitesOf(task) }),
  }
  const play = driver?.(hooks) ?? chromiumDriver({ ...browser, ...hooks })
  return {
    name,
    webarena,
    tasks: webarena.tasks,
    driver: play,
    instances: webarena.instances,
    locks: (task) => webarena.touches(task).locks,
    reads: (task) => webarena.touches(task).reads,
    dependsOn: (task) => webarena.dependsOn(task),
    at: (task, placement) => webarena.at(task, placement),
    // Names that nobody can reset (map, wikipedia) have nothing to be put back.
    ...(reset
      ? {
          reset: (names: readonly string[], signal?: AbortSignal) =>
            resetSites(
              reset,
              names.filter((one) => canReset(reset, one)),
              signal,
            ),
        }
      : {}),
    close: () => play.close(),
  }
}
