/**
 * A whole evaluation: a model on a suite, from the configuration to the result in its folder, begun anew or gone on
 * with. Prints nothing; says what happens as events.
 */
import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentSetup } from '../agent/play.ts'
import { agentSettings } from '../agent/settings.ts'
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import { environmentFacts } from '../run/environment.ts'
import { LanguageModels } from '../llm/models.ts'
import { RunError } from '../run/errors.ts'
import type { Task } from '../tasks/task.ts'
import { EvaluationFolder, readEvaluation } from './folder.ts'
import { guideOf, openGuide } from './guide.ts'
import { planItems } from './item.ts'
import { findModel, type ModelSource, type OpenPolicy, openPolicy } from './policy.ts'
import type { Provenance } from './provenance.ts'
import type { EvaluationResult } from './result.ts'
import { type EvaluationEvent, runEvaluation } from './run.ts'
import { openScoring, type Scoring, scoringOf } from './scoring.ts'
import { type OpenSuite, openSuite } from './suite.ts'
import { withSurroundings } from './surroundings.ts'
import { writeResult } from './write.ts'

export interface EvaluateOptions {
  /** Told where results are kept, before anything is played. */
  onFolder?: (path: string) => void
  onEvent?: (event: EvaluationEvent) => void
  signal?: AbortSignal
}

/**
 * Plays what the configuration names into a new folder.
 * @param directory Folder to write; absent = one named by suite and time under evaluation.directory
 * @returns the folder; its result files are written even when the signal ends the evaluation early
 */
export async function evaluateSuite(
  given: Config,
  source: ModelSource,
  options: EvaluateOptions & { directory?: string } = {},
): Promise<{ path: string; result: EvaluationResult }> {
  const config = withSurroundings(given, process.env)
  const opened = await openSuite(config)
  try {
    const { suite } = opened
    if (suite.tasks.length === 0) {
      throw new ConfigError(
        `evaluation: expected at least one task of the suite ${suite.name}, the choice left none`,
      )
    }
    const directory = options.directory ?? freshPath(config)
    const provenance = await provenanceOf(config, source, opened)
    // Before anything is loaded: a folder that cannot be written is to be known at once.
    const folder = await EvaluationFolder.create(directory, { provenance, config, tasks: [...suite.tasks] })
    return await play(folder, config, source, opened, { ...options, retryErrors: false })
  } finally {
    await opened.suite.close()
  }
}

/**
 * Goes on with a folder: plays what is open, and what failed for infrastructure too if asked.
 * @throws RunError when it is none, or when its tasks have changed since
 */
export async function resumeEvaluation(
  directory: string,
  options: EvaluateOptions & { retryErrors?: boolean } = {},
): Promise<{ path: string; result: EvaluationResult }> {
  const { path, config, provenance, tasks } = await readEvaluation(directory)
  const { model } = provenance
  const source: ModelSource =
    model.kind === 'run'
      ? await sameRun(model.path, model.phase ?? 0)
      : { kind: model.kind, path: model.path }
  const opened = await openSuite(config)
  try {
    expectSameTasks(tasks, opened.suite.tasks, path)
    return await play(EvaluationFolder.open(path), config, source, opened, options)
  } finally {
    await opened.suite.close()
  }
}

async function play(
  folder: EvaluationFolder,
  config: Config,
  source: ModelSource,
  opened: OpenSuite,
  options: EvaluateOptions & { retryErrors?: boolean },
) {
  const { signal } = options
  options.onFolder?.(folder.path)
  try {
    // One for all who ask, so that they share a budget, a cache and the queues to the servers.
    const models = new LanguageModels(config.llm, {
      onNote: (note) => options.onEvent?.({ type: 'note', note }),
    })
    try {
      const guide = openGuide(config, models, opened.checker)
      const where = { folder: folder.path, sitesOf: opened.sitesOf, signal }
      const scoring = await openScoring(config, { ...where, models })
      const player = await openPolicy(source, config, { models, ...(signal ? { signal } : {}) })
      try {
        await playWith(
          folder,
          config,
          opened,
          { ...scoring, ...player, ...(guide ? { guide } : {}) },
          options,
        )
      } finally {
        player.close()
        await scoring.close()
      }
    } finally {
      await models.close()
    }
  } finally {
    folder.close()
    // Also of an evaluation that was cut short: what is there is what can be said.
    await writeResult(folder.path)
  }
  return { path: folder.path, result: await writeResult(folder.path) }
}

async function playWith(
  folder: EvaluationFolder,
  config: Config,
  { suite, checker, browser }: OpenSuite,
  players: Omit<Scoring & OpenPolicy, 'close'> & Pick<AgentSetup, 'guide'>,
  { onEvent, signal, retryErrors = false }: EvaluateOptions & { retryErrors?: boolean },
): Promise<void> {
  const { evaluation, agent, run } = config
  const { policy, tokenizer, guide, judge, judgeEarlyStops, judgeEveryStep } = players
  const { records } = await readEvaluation(folder.path)
  await runEvaluation({
    suite,
    agent: {
      ...agentSettings(config),
      policy,
      tokenizer,
      checker,
      ...(guide ? { guide } : {}),
      judge,
      ...(judgeEarlyStops ? { judgeEarlyStops } : {}),
      ...(judgeEveryStep ? { judgeEveryStep } : {}),
    },
    folder,
    items: planItems(suite.tasks, evaluation.attempts, run.seed),
    records,
    retryErrors,
    temperature: evaluation.temperature,
    concurrency: browser === 'chromium' ? Math.min(agent.concurrency, places(config)) : agent.concurrency,
    reset: evaluation.reset,
    ...(onEvent ? { onEvent } : {}),
    ...(signal ? { signal } : {}),
  })
}

/** Episodes that fit into the browsers; more would only wait for a place. */
function places({ browser }: Config): number {
  return browser.poolSize * browser.sessionsPerBrowser
}

async function provenanceOf(config: Config, source: ModelSource, opened: OpenSuite): Promise<Provenance> {
  const { agent, evaluation } = config
  const { startedAt, ...environment } = environmentFacts()
  const guide = guideOf(config)
  return {
    version: 1,
    suite: opened.suite.name,
    ...(evaluation.tasks === null ? {} : { source: await fingerprint(evaluation.tasks) }),
    model: {
      path: source.path,
      kind: source.kind,
      ...(source.kind === 'run' ? { phase: source.phase } : {}),
    },
    tasks: opened.suite.tasks.length,
    attempts: evaluation.attempts,
    seed: config.run.seed,
    temperature: evaluation.temperature,
    agent: {
      observation: agent.observation,
      addressing: agent.addressing,
      grammar: agent.grammar,
      manner: opened.browser === 'chromium' ? agent.manner : 'in-process',
      promptStyle: agent.promptStyle,
      maxPromptTokens: agent.maxPromptTokens,
      maxActionTokens: agent.maxActionTokens,
      horizon: agent.horizon,
      stuckRepeats: agent.stuckRepeats,
      invalidRepeats: agent.invalidRepeats,
    },
    ...(source.kind === 'prompted' ? { prompted: { thinking: config.prompted.thinking } } : {}),
    ...(guide ? { sgo: { ...guide, ...sgoFacts(config) } } : {}),
    scoring: scoringOf(config),
    browser: opened.browser,
    startedAt,
    environment,
  }
}

function sgoFacts({ sgo }: Config) {
  const { thinking, noise, replanAfter, stallTemperature, target } = sgo
  return { thinking, noise, replanAfter, stallTemperature, aim: target.aim, onStall: target.onStall }
}

async function fingerprint(path: string): Promise<{ path: string; sha256: string | null }> {
  if (!existsSync(path) || !statSync(path).isFile()) return { path, sha256: null }
  return {
    path,
    sha256: createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  }
}

async function sameRun(path: string, phase: number): Promise<ModelSource> {
  const found = await findModel(path)
  if (found.kind !== 'run')
    throw new ConfigError(`--resume: expected the run that was evaluated at ${path}, it is gone`)
  return { ...found, phase }
}

/** The same tasks, whatever port a server of this program happens to have. */
function expectSameTasks(before: readonly Task[], now: readonly Task[], path: string): void {
  const text = (task: Task | undefined) =>
    JSON.stringify(task)?.replace(/\b(localhost|127\.0\.0\.1):\d+/g, '$1')
  const count = Math.max(before.length, now.length)
  const at = Array.from({ length: count }, (_, i) => i).find((i) => text(before[i]) !== text(now[i]))
  if (at === undefined) return
  throw new RunError(
    'ERR_RUN_FORMAT',
    `--resume: expected the tasks that ${path} began with, task ${(before[at] ?? now[at])?.task_id} has changed since (file, site addresses or version); start a new evaluation`,
  )
}

/** A folder named by suite and time under evaluation.directory that is not there yet. */
export function freshPath({ evaluation }: Config, suffix?: string): string {
  const stamp = new Date().toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-')
  const name = [evaluation.suite, stamp, ...(suffix === undefined ? [] : [suffix])].join('-')
  const stem = join(evaluation.directory, name)
  let path = stem
  for (let i = 2; existsSync(path); i++) path = `${stem}_${i}`
  return path
}
