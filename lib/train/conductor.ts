/**
 * A whole run: imitation, then phases of MiRA, each evaluated, checkpointed and compared. Everything it says, it
 * says as events; everything it keeps, it keeps in the run directory, from which a run can go on.
 */
import type { Config } from '../config/schema.ts'
import type { RunDirectory } from '../run/directory.ts'
import {
  type Evaluation,
  type PhaseResult,
  phaseResults,
  type TrainEvent,
  type TrainResult,
} from '../run/events.ts'
import { readEpisodes, readEvents } from '../run/read.ts'
import { imitates } from '../plan/settings.ts'
import type { Task } from '../tasks/task.ts'
import { loadCritics, savePhase } from './checkpoint.ts'
import { createCritics, pretrainCritics } from './critics-stage.ts'
import { setDeterministic } from './determinism.ts'
import { evaluatePolicy } from './evaluation.ts'
import { imitationStage } from './imitation-stage.ts'
import { failedTasks, runPhase } from './phase.ts'
import { ExperienceReplay } from './replay-stage.ts'
import { setThreads } from './threads.ts'
import { Trainer } from './trainer.ts'

export interface TrainOptions {
  run: RunDirectory
  onEvent: (event: TrainEvent) => void
  /** Aborting stops between steps; what is complete stays usable. */
  signal?: AbortSignal
}

/**
 * Trains from where the run directory stands to the last phase.
 * @returns outcome 'interrupted' when the signal fired; throws for everything else that goes wrong
 */
export async function train(config: Config, { run, onEvent, signal }: TrainOptions): Promise<TrainResult> {
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  const resumed = run.state.completedPhase
  await setThreads(config.run.threads)
  await setDeterministic(config.run.exact)
  const trainer = await Trainer.open(config, {
    run,
    onEvent,
    ...(signal ? { signal } : {}),
    ...(resumed >= 0 ? { checkpoint: run.checkpointPath(resumed) } : {}),
  })
  const earlier = resumed >= 0 ? phaseResults(await readEvents(run.path)) : []
  const results = new Map<number, PhaseResult>(
    earlier.filter((r) => r.phase <= resumed).map((r) => [r.phase, r]),
  )
  let phase = resumed + 1
  let failed = false
  try {
    trainer.emit({
      type: 'run',
      directory: run.path,
      seed: config.run.seed,
      ...(resumed >= 0 ? { resumedAfterPhase: resumed } : {}),
    })
    if (resumed < 0) {
      if (imitates(config)) await imitationStage(trainer)
      trainer.critics = await createCritics(trainer)
      await pretrainCritics(trainer, trainer.critics)
      await concludePhase(trainer, 0, results)
      phase = 1
    } else {
      trainer.critics = await loadCritics(run.checkpointPath(resumed), trainer)
    }
    const critics = trainer.critics
    let { replay, failures } = await restoreExperience(trainer, resumed)
    for (; phase <= config.phases.count; phase++) {
      ;({ failures } = await runPhase(trainer, critics, replay, phase, failures))
      await concludePhase(trainer, phase, results)
    }
    await run.finish()
    const best = run.state.best?.phase ?? -1
    trainer.emit({ type: 'end', bestPhase: best, seconds: seconds() })
    return result('completed')
  } catch (error) {
    if (!signal?.aborted) {
      failed = true
      throw error
    }
    trainer.emit({ type: 'interrupted', phase, completedPhase: run.state.completedPhase })
    return result('interrupted')
  } finally {
    await trainer.close().catch((error: unknown) => {
      // On a lost device closing fails too; what was lost first is what to say.
      if (!failed) throw error
    })
  }

  function result(outcome: TrainResult['outcome']): TrainResult {
    const best = run.state.best?.phase ?? -1
    return {
      outcome,
      directory: run.path,
      phases: [...results.values()].sort((a, b) => a.phase - b.phase),
      bestPhase: best,
      checkpoint: best >= 0 ? run.checkpointPath(best) : null,
      seconds: seconds(),
    }
  }
}

export interface EvaluateOptions {
  /** Folder of the policy to play. */
  checkpoint: string
  /** Phase number to report under. */
  phase: number
  split: 'validation' | 'test' | 'novel'
  episodes: number
  onEvent: (event: TrainEvent) => void
  signal?: AbortSignal
}

/** Plays a split with a checkpoint's policy; keeps nothing. */
export async function evaluate(config: Config, options: EvaluateOptions): Promise<Evaluation> {
  const { checkpoint, phase, split, episodes, onEvent, signal } = options
  await setThreads(config.run.threads)
  await setDeterministic(config.run.exact)
  const trainer = await Trainer.open(config, { checkpoint, onEvent, ...(signal ? { signal } : {}) })
  try {
    return await evaluatePolicy(trainer, split, phase, trainer.suites.exam(split, episodes), { keep: false })
  } finally {
    await trainer.close()
  }
}

/** Evaluates the policy that a phase produced, writes its checkpoint, and keeps it if validation prefers it. */
async function concludePhase(
  trainer: Trainer,
  phase: number,
  results: Map<number, PhaseResult>,
): Promise<void> {
  const { evaluation, phases } = trainer.config
  const { suites, run } = trainer
  const validation = await evaluatePolicy(
    trainer,
    'validation',
    phase,
    suites.exam('validation', evaluation.validationEpisodes),
    { keep: false },
  )
  const test = await evaluatePolicy(trainer, 'test', phase, suites.exam('test', evaluation.episodes), {
    keep: true,
  })
  const outer = phase === 0 || phase === phases.count
  const novel = outer ? suites.exam('novel', evaluation.novelEpisodes) : []
  const result: PhaseResult = { phase, validation, test }
  if (novel.length > 0) result.novel = await evaluatePolicy(trainer, 'novel', phase, novel, { keep: false })
  results.set(phase, result)
  const path = await trainer.stage('checkpoint', phase, {}, async () => ({
    result: await savePhase(trainer, phase),
  }))
  trainer.emit({ type: 'checkpoint', phase, path })
  const share = successShare(validation)
  const best = run.state.best
  if (best === null || share > best.validation) {
    await run.keepBest(phase, share)
    trainer.emit({ type: 'best', phase, validation: share })
  }
}

/** The buffer of successes and the last failures, from the episodes a resumed run has kept. */
async function restoreExperience(trainer: Trainer, completed: number) {
  const { capacity, onePerTask } = trainer.config.replay
  const replay = new ExperienceReplay({ capacity, onePerTask })
  let failures: Task[] = []
  for (let phase = 1; phase <= completed; phase++) {
    const records = await readEpisodes(trainer.run.path, phase)
    const played = records.map(({ episode }) => episode).filter((episode) => episode.id.startsWith('phase-'))
    replay.add(played)
    failures = failedTasks(played)
  }
  return { replay, failures }
}

function successShare({ successes, episodes }: Evaluation): number {
  return episodes > 0 ? successes / episodes : 0
}
