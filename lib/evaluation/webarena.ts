/** WebArena's suites on the sites of a configuration: addresses, accounts, log-in and resets as lib/suites takes them. */
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import type { TaskFilter } from '../suites/filter.ts'
import type { LoginOptions } from '../suites/login.ts'
import type { ResetPlan, SiteReset } from '../suites/reset.ts'
import type { SiteUrls } from '../suites/sites.ts'
import type { Suite } from '../suites/suite.ts'
import {
  openWebArenaLite,
  openWebRl,
  type WebArenaSuite,
  type WebArenaSuiteOptions,
} from '../suites/webarena-suite.ts'
import type { Task } from '../tasks/task.ts'
import { chromiumDriver } from '../web/chromium/driver.ts'
import { accountsOf } from './accounts.ts'
import { browserOptionsOf } from './browser.ts'

export async function openWebArena(
  config: Config,
  filter: TaskFilter,
): Promise<{ suite: Suite; sitesOf: (task: Task) => SiteUrls }> {
  const { evaluation, sites } = config
  if (evaluation.tasks === null) {
    throw new ConfigError(
      `evaluation.tasks: expected the task file of ${evaluation.suite}, received nothing; give it with --tasks (docs/webarena.md says where it is)`,
    )
  }
  const browser = browserOptionsOf(config)
  const reset = resetPlanOf(config)
  const options: WebArenaSuiteOptions = {
    path: evaluation.tasks,
    sites: sites.urls,
    filter,
    login: loginOf(config),
    browser,
    ...(reset ? { reset } : {}),
    ...(sites.login === 'none' ? { driver: ({ origins }) => chromiumDriver({ ...browser, origins }) } : {}),
  }
  const suite: WebArenaSuite =
    evaluation.suite === 'webrl' ? await openWebRl(options) : await openWebArenaLite(options)
  return { suite, sitesOf: (task) => suite.webarena.sitesOf(task) }
}

function loginOf(config: Config): Omit<LoginOptions, 'sitesOf'> {
  const { sites, evaluation, browser } = config
  return {
    accounts: accountsOf(config),
    method: sites.login === 'headers' ? 'header' : 'form',
    keep: sites.freshLogin ? 'task' : 'run',
    which: evaluation.dialect === 'browsergym' ? 'sites' : 'storage_state',
    stepMs: browser.deadlines.navigation,
  }
}

/** undefined where nothing says how sites are put back. */
export function resetPlanOf({ sites }: Config): ResetPlan | undefined {
  const own = Object.entries(sites.reset).map(([name, entry]): [string, SiteReset] => {
    const { command, request, method, deadlineMs, ready } = entry
    return [
      name,
      {
        hook: command
          ? { kind: 'command', argv: command, deadlineMs }
          : { kind: 'http', url: request as string, method, deadlineMs },
        ...(ready
          ? {
              ready: {
                url: ready.url,
                intervalMs: ready.intervalMs,
                deadlineMs: ready.deadlineMs,
                ...(ready.status === null ? {} : { status: ready.status }),
                ...(ready.text === null ? {} : { text: ready.text }),
              },
            }
          : {}),
      },
    ]
  })
  if (own.length === 0 && sites.fullReset === null) return undefined
  return {
    sites: Object.fromEntries(own),
    ...(sites.fullReset === null ? {} : { full: { kind: 'full-reset', url: sites.fullReset } }),
  }
}
