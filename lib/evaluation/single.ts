/**
 * One task that a person just wrote, on a site of theirs: its checklist (planTask), or an agent that carries it out in
 * Chromium (runTask). Nothing is scored and nothing is written; what happens is told as it happens.
 */
import type { Episode } from '../agent/episode.ts'
import { type EpisodeEvent, playEpisode } from '../agent/play.ts'
import { agentSettings } from '../agent/settings.ts'
import type { Spent } from '../agent/spent.ts'
import { spentOnPlan } from '../agent/sgo-parts.ts'
import { episodeSeed } from '../agent/seed.ts'
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import { LanguageModels } from '../llm/models.ts'
import { NO_MILESTONES } from '../milestones/checker.ts'
import type { Task } from '../tasks/task.ts'
import { chromiumDriver } from '../web/chromium/driver.ts'
import { browserOptionsOf } from './browser.ts'
import { openGenerator, openGuide } from './guide.ts'
import { type ModelSource, openPolicy } from './policy.ts'

export interface OwnTask {
  intent: string
  /** Where it starts; the agent cannot leave this address's origin, nor those in `origins`. */
  url: string
  origins?: readonly string[]
}

export interface Plan {
  milestones: string[]
  spent: Spent
}

/**
 * The checklist of a task from its first page.
 * @param planner spec of a language model; default: llm.models.planner
 * @throws ConfigError, LanguageModelError, EnvironmentError
 */
export async function planTask(
  config: Config,
  own: OwnTask,
  options: { planner?: string; signal?: AbortSignal } = {},
): Promise<Plan> {
  const spec = options.planner ?? config.llm.models.planner
  if (spec === null) {
    throw new ConfigError(
      'llm.models.planner: expected a language model, received none; name one with --model, for example gemini:gemini-2.5-pro',
    )
  }
  const { signal } = options
  const listening = signal ? { signal } : {}
  const task = taskOf(own)
  const models = new LanguageModels(config.llm)
  try {
    const generator = openGenerator(config, models, spec)
    const driver = driverOf(config, own)
    try {
      const { addressing, dialect, screenshots } = agentSettings(config)
      const session = await driver.open(task, {
        addressing,
        ...(dialect ? { dialect } : {}),
        ...(screenshots ? { screenshots } : {}),
        ...listening,
      })
      try {
        const made = await generator.generate({ task, page: await session.observe(), ...listening })
        return { milestones: made.milestones, spent: spentOnPlan(made) }
      } finally {
        await session.close()
      }
    } finally {
      await driver.close()
    }
  } finally {
    await models.close()
  }
}

export interface RunOptions {
  watch?: (event: EpisodeEvent) => void
  signal?: AbortSignal
}

/**
 * Carries a task out; with sgo.planner set, guided, and the checklist is rated once more at the end.
 * @throws ConfigError, LanguageModelError, EnvironmentError
 */
export async function runTask(
  config: Config,
  source: ModelSource,
  own: OwnTask,
  { watch, signal }: RunOptions = {},
): Promise<Episode> {
  const task = taskOf(own)
  const models = new LanguageModels(config.llm)
  try {
    const guide = openGuide(config, models, NO_MILESTONES, { rateEnd: true })
    const { policy, tokenizer, close } = await openPolicy(source, config, {
      models,
      ...(signal ? { signal } : {}),
    })
    const driver = driverOf(config, own)
    try {
      return await playEpisode(
        {
          ...agentSettings(config),
          driver,
          policy,
          tokenizer,
          checker: NO_MILESTONES,
          ...(guide ? { guide } : {}),
          judge: async () => NOT_JUDGED,
        },
        {
          id: 'own',
          task,
          phase: 0,
          seed: episodeSeed(config.run.seed, 'run', 0),
          temperature: config.evaluation.temperature,
          session: 0,
          ...(watch ? { watch } : {}),
          ...(signal ? { signal } : {}),
        },
      )
    } finally {
      close()
      await driver.close()
    }
  } finally {
    await models.close()
  }
}

const NOT_JUDGED = { score: 0, details: [], unscorable: 'nobody has said what success would be' }

function driverOf(config: Config, { url, origins = [] }: OwnTask) {
  const options = { ...browserOptionsOf(config), poolSize: 1, sessionsPerBrowser: 1 }
  return chromiumDriver(
    origins.length === 0 ? options : { ...options, origins: () => [new URL(url).origin, ...origins] },
  )
}

function taskOf({ intent, url }: OwnTask): Task {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ConfigError(`--url: expected an http(s) address, received "${url}"`)
  }
  if (intent.trim() === '') throw new ConfigError('expected what is to be done, received an empty text')
  return {
    sites: [new URL(url).host],
    task_id: 'own',
    require_login: false,
    storage_state: null,
    start_url: url,
    geolocation: null,
    intent_template: '',
    instantiation_dict: {},
    intent: intent.trim(),
    require_reset: false,
    intent_template_id: 0,
    eval: { eval_types: ['string_match'], reference_answers: null, reference_url: null, program_html: [] },
  }
}
