/**
 * How an evaluation decides success: by the task's own checks in one of the evaluator dialects, with a language model
 * for what is a matter of meaning, or by WebRL's outcome model. Keeps with every verdict what it was read from.
 */
import { join } from 'node:path'
import { type EpisodeJudge, evaluationJudge, type JudgeSetup } from '../agent/judge.ts'
import { fileVerdicts, loadJudgePrompts, modelJudge } from '../agent/model-judge.ts'
import type { AgentSetup } from '../agent/play.ts'
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import { LanguageModels } from '../llm/models.ts'
import { PUBLISHED_ACCOUNTS } from '../suites/login-flows.ts'
import type { SiteUrls } from '../suites/sites.ts'
import { conductOf, type DialectName, type Judge } from '../tasks/evaluate.ts'
import { magentoHelpers } from '../tasks/evaluators/magento.ts'
import type { Task } from '../tasks/task.ts'
import { ormJudge } from '../webrl/orm.ts'
import { modelScorer } from '../webrl/orm-scorers.ts'
import { accountsOf } from './accounts.ts'
import type { Provenance } from './provenance.ts'

export interface Scoring extends Pick<AgentSetup, 'judge' | 'judgeEarlyStops' | 'judgeEveryStep'> {
  close(): Promise<void>
}

export interface ScoringOptions {
  /** Folder that verdicts of the judge are kept in. */
  folder: string
  /** Where the sites of a task are, for evaluators that ask a site's server. */
  sitesOf?: ((task: Task) => SiteUrls) | undefined
  /** Language models of the whole evaluation, on one budget; they stay open. Default: own ones. */
  models?: LanguageModels
  signal?: AbortSignal | undefined
}

/** The settings with what they leave open filled in. */
export function scoringOf(config: Config): Provenance['scoring'] & { dialect: DialectName } {
  const { evaluation, llm } = config
  const dialect = evaluation.dialect ?? (evaluation.suite === 'embedded' ? 'embedded' : 'vab')
  return {
    dialect,
    scorer: evaluation.scorer ?? (evaluation.suite === 'webrl' ? 'outcome-model' : 'evaluators'),
    judge: evaluation.judge ?? llm.models.judge,
    judgeEarlyStops: evaluation.judgeEarlyStops ?? conductOf(dialect).judgesEarlyStops,
  }
}

/** @throws ConfigError, LanguageModelError: what is wrong with the judge, before anything is played */
export async function openScoring(config: Config, options: ScoringOptions): Promise<Scoring> {
  const { dialect, scorer, judge: spec, judgeEarlyStops } = scoringOf(config)
  if (scorer === 'outcome-model') return openOutcomeModel(config, spec, options)
  const { judge, close } = await openJudge(config, options)
  return {
    judge: evaluatorsOf(config, { dialect, record: true, ...(judge ? { judge } : {}) }, options),
    judgeEarlyStops,
    judgeEveryStep: conductOf(dialect).stepwise,
    close,
  }
}

/** The judge of fuzzy matches that the configuration names, its verdicts kept in the folder. */
export async function openJudge(
  config: Config,
  { folder, signal, models: shared }: ScoringOptions,
): Promise<{ judge?: Judge; close(): Promise<void> }> {
  const { judge: spec } = scoringOf(config)
  if (spec === null) return { close: async () => {} }
  const { models, close } = modelsOf(config, shared)
  const { judgePrompts } = config.evaluation
  return {
    judge: modelJudge(models.model(spec, 'judge'), {
      cache: await fileVerdicts(join(folder, 'verdicts.jsonl')),
      ...(judgePrompts === null ? {} : { prompts: await loadJudgePrompts(judgePrompts) }),
      ...(signal ? { signal } : {}),
    }),
    close,
  }
}

function modelsOf(config: Config, shared?: LanguageModels) {
  if (shared) return { models: shared, close: async () => {} }
  const models = new LanguageModels(config.llm)
  return { models, close: () => models.close() }
}

/** Helpers and addresses are those of the copies of the sites that an episode is played on. */
function evaluatorsOf(config: Config, setup: JudgeSetup, { sitesOf, signal }: ScoringOptions): EpisodeJudge {
  const { keepHtml, stock } = config.evaluation
  const base: JudgeSetup = { ...setup, keepHtml, stock }
  if (!sitesOf) return evaluationJudge(base)
  const administrator = { ...PUBLISHED_ACCOUNTS, ...accountsOf(config) }.shopping_admin
  return (task, session, answer) => {
    const urls = sitesOf(task)
    const sites = task.sites.flatMap((site) => urls[site] ?? [])
    const { shopping } = urls
    const helpers =
      shopping !== undefined && administrator !== undefined
        ? { helpers: magentoHelpers({ shopping, ...administrator, ...(signal ? { signal } : {}) }) }
        : {}
    return evaluationJudge({ ...base, sites, ...helpers })(task, session, answer)
  }
}

async function openOutcomeModel(
  config: Config,
  spec: string | null,
  { signal, models: shared }: ScoringOptions,
): Promise<Scoring> {
  if (spec === null) {
    throw new ConfigError(
      'evaluation.judge: expected the outcome model that scores these tasks, received nothing; give it with --judge, for example openai:NAME@http://localhost:8000/v1',
    )
  }
  const { models, close } = modelsOf(config, shared)
  const { threshold } = config.evaluation
  return {
    judge: ormJudge(modelScorer(models.model(spec, 'outcome-model')), {
      threshold,
      ...(signal ? { signal } : {}),
    }),
    // It reads the actions, not the answer: what stopped the agent makes no difference.
    judgeEarlyStops: true,
    judgeEveryStep: false,
    close,
  }
}
