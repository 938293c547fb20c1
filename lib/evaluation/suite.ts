/** Opens the suite that a configuration names: its tasks, chosen, and the driver that plays them. */
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import { type MilestoneChecker, NO_MILESTONES } from '../milestones/checker.ts'
import { oracleChecker } from '../milestones/oracle.ts'
import { embeddedBackend } from '../sites/backend.ts'
import { embeddedChromium } from '../sites/chromium.ts'
import { embeddedWeb } from '../sites/embedded.ts'
import { taskFrom } from '../sites/suite.ts'
import { filterTasks, type TaskFilter } from '../suites/filter.ts'
import { openMiniwob } from '../suites/miniwob/suite.ts'
import type { SiteUrls } from '../suites/sites.ts'
import type { Suite } from '../suites/suite.ts'
import type { Task } from '../tasks/task.ts'
import { Suites } from '../train/suites.ts'
import { inProcessDriver } from '../web/in-process.ts'
import { browserOptionsOf } from './browser.ts'
import { openWebArena } from './webarena.ts'

export interface OpenSuite {
  suite: Suite
  checker: MilestoneChecker
  browser: 'in-process' | 'chromium'
  /** Where the sites of a task are; absent for suites without sites of the user's. */
  sitesOf?: (task: Task) => SiteUrls
}

/** @throws ConfigError, SuiteInputError: one sentence that says what to set */
export async function openSuite(config: Config): Promise<OpenSuite> {
  switch (config.evaluation.suite) {
    case 'embedded':
      return config.evaluation.browser ? embeddedInChromium(config) : embedded(config)
    case 'miniwob':
      return { suite: await miniwob(config), checker: NO_MILESTONES, browser: 'chromium' }
    case 'webarena-lite':
    case 'webrl':
      return {
        ...(await openWebArena(config, filterOf(config))),
        checker: NO_MILESTONES,
        browser: 'chromium',
      }
  }
}

/** Every task has a world of its own: nothing is shared and nothing needs to be put back. */
const ALONE = { locks: () => [], reads: () => [] } as const

function embedded(config: Config): OpenSuite {
  const { observation } = config.agent
  if (observation !== 'clean') {
    throw new ConfigError(
      `agent.observation: expected clean for the embedded suite in process, received ${observation}; add --browser`,
    )
  }
  const driver = inProcessDriver(embeddedBackend(embeddedWeb))
  const suite = {
    name: 'embedded',
    tasks: embeddedTasks(config),
    driver,
    ...ALONE,
    close: () => driver.close(),
  }
  return { suite, checker: oracleChecker(embeddedWeb), browser: 'in-process' }
}

async function embeddedInChromium(config: Config): Promise<OpenSuite> {
  const driver = await embeddedChromium(embeddedWeb, { browser: browserOptionsOf(config) })
  // The same worlds and instructions, at the addresses of this server.
  const tasks = embeddedTasks(config).map(({ embedded }) => {
    const { template, world_seed } = embedded as NonNullable<Task['embedded']>
    return taskFrom(embeddedWeb.template(template), world_seed, driver.origins).task
  })
  const suite = { name: 'embedded', tasks, driver, ...ALONE, close: () => driver.close() }
  return { suite, checker: oracleChecker(embeddedWeb), browser: 'chromium' }
}

function embeddedTasks(config: Config): Task[] {
  const { split, episodes } = config.evaluation
  return filterTasks(new Suites(embeddedWeb, config).exam(split, episodes), filterOf(config), () => false)
}

async function miniwob(config: Config): Promise<Suite> {
  const source = config.evaluation.tasks
  if (source === null) {
    throw new ConfigError(
      'evaluation.tasks: expected the folder or URL of the MiniWoB++ pages (html/miniwob), received nothing; give it with --tasks or set MINIWOB_URL',
    )
  }
  // "click-button" is a page with every seed, "click-button#2" one task.
  const { ids, ...filter } = filterOf(config)
  const names = ids && [...new Set(ids.map((id) => String(id).split('#')[0] as string))]
  const suite = await openMiniwob({
    source,
    seeds: config.evaluation.seeds,
    ...(names ? { names } : {}),
    browser: browserOptionsOf(config),
  })
  try {
    const wanted = ids?.flatMap((id) =>
      String(id).includes('#') ? [id] : config.evaluation.seeds.map((seed) => `${id}#${seed}`),
    )
    const tasks = filterTasks(suite.tasks, { ...filter, ...(wanted ? { ids: wanted } : {}) }, () => false)
    return { ...suite, tasks }
  } catch (error) {
    await suite.close()
    throw error
  }
}

function filterOf({ evaluation }: Config): TaskFilter {
  const { ids, sites } = evaluation
  return {
    ...(ids === null ? {} : { ids: ids.split(',').map((id) => id.trim()) }),
    ...(sites === null ? {} : { sites }),
  }
}
