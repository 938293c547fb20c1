/**
 * One phase of MiRA (paper Alg. 2 around Alg. 1): play, judge, replay, score, shape, update the actor against
 * the frozen reference of the phase, then update the critics.
 */
import type { Episode } from '../agent/episode.ts'
import { rollout } from '../agent/rollout.ts'
import { DriftGuard } from '../learn/guard.ts'
import type { Task } from '../tasks/task.ts'
import { assignCredit, learningTraces } from './credit.ts'
import type { Critics } from './critics.ts'
import { criticStage, labelOptions } from './critics-stage.ts'
import { type Experience, experienceOf, perTransition } from './experience.ts'
import { type PolicyObjective, updatePolicy } from './policy-update.ts'
import type { ExperienceReplay } from './replay-stage.ts'
import { optimizerSpec, rateOf } from './roles.ts'
import { actionLogprobs } from './scoring.ts'
import type { Trainer } from './trainer.ts'

export async function runPhase(
  trainer: Trainer,
  critics: Critics,
  replay: ExperienceReplay,
  phase: number,
  failures: readonly Task[],
): Promise<{ failures: Task[] }> {
  const episodes = await play(trainer, phase, failures)
  const replayed = await replay.select(trainer, phase, episodes)
  const experience = experienceOf([...episodes, ...replayed.episodes], labelOptions(trainer))
  const { update } = trainer.config.critics
  if (update === 'before') await criticStage(trainer, critics, experience, phase)
  await actorStage(trainer, critics, experience, phase, episodes.length, replayed.masks)
  if (update === 'after') await criticStage(trainer, critics, experience, phase)
  replay.add(episodes)
  return { failures: failedTasks(episodes) }
}

export function failedTasks(episodes: readonly Episode[]): Task[] {
  return episodes.filter((episode) => episode.judgement.score < 1).map((episode) => episode.task)
}

async function play(trainer: Trainer, phase: number, failures: readonly Task[]): Promise<Episode[]> {
  const { phases, run, agent } = trainer.config
  const { tasks, plan } = trainer.suites.phase(phase, failures)
  return trainer.stage('rollout', phase, { total: tasks.length, unit: 'episodes' }, async () => {
    let successes = 0
    const { episodes, errors } = await rollout(trainer.agent, {
      tasks,
      phase,
      stage: `phase-${phase}`,
      runSeed: run.seed,
      temperature: phases.temperature,
      concurrency: agent.concurrency,
      ...(trainer.signal ? { signal: trainer.signal } : {}),
      onEpisode: (episode, done, total) => {
        trainer.run.saveEpisode(episode)
        successes += episode.judgement.score >= 1 ? 1 : 0
        trainer.emit({ type: 'progress', stage: 'rollout', phase, done, total, successes })
      },
    })
    const success = episodes.length > 0 ? successes / episodes.length : 0
    return { result: episodes, metrics: { success, environmentErrors: errors.length, ...plan } }
  })
}

/** @param own How many of the experience's episodes are the phase's own; the rest is replayed. */
async function actorStage(
  trainer: Trainer,
  critics: Critics,
  experience: Experience,
  phase: number,
  own: number,
  replayMasks: readonly Uint8Array[],
): Promise<void> {
  const { policy, shaping, phases, training } = trainer.config
  await trainer.stage('actor', phase, { unit: 'steps' }, async () => {
    trainer.generation.close()
    const scoring = trainer.scoring()
    const sequences = experience.transitions
    const scores = await critics.scores(sequences, scoring)
    // pi_ref is the policy as it is now, kept as numbers: no second copy of the weights (paper Alg. 2).
    const reference = await actionLogprobs(trainer.actor, sequences, { ...scoring, temperature: 1 })
    const unshaped = policy.objective === 'awr'
    const credit = assignCredit(experience, scores, {
      shaping: { ...shaping, alpha: unshaped ? 0 : shaping.alpha },
      advantage: {
        gamma: policy.gamma,
        lambda: unshaped ? 0 : policy.lambda,
        unitStd: policy.advantageScale === 'unit-std',
      },
    })
    trainer.actor.configureOptimizer(optimizerSpec(trainer.config, policy.adamW))
    const result = await updatePolicy(
      trainer.actor,
      {
        sequences,
        advantages: credit.advantages,
        weights: learningWeights(experience, own, replayMasks, policy.objective === 'cloning'),
        reference,
      },
      {
        objective: objectiveOf(trainer),
        epochs: policy.epochs,
        batchSize: policy.batchSize,
        maxTokens: policy.maxTokens,
        schedule: {
          kind: policy.schedule,
          peak: rateOf(trainer.config, training.mode, policy.learningRate),
          warmup: policy.warmup,
          final: policy.finalShare,
        },
        clipNorm: policy.clipNorm,
        checkpoint: training.checkpointing,
        chunk: training.logitsChunk,
        packPrefixes: training.packPrefixes,
        exact: trainer.exact,
        seed: trainer.config.run.seed + phase,
        memory: trainer.memory,
        guard: new DriftGuard(policy.guard),
        ...(trainer.signal ? { signal: trainer.signal } : {}),
      },
      ({ drift, ...figures }) =>
        trainer.step('actor', phase, figures, {
          logRatioPositive: drift.positive,
          logRatioNegative: drift.negative,
        }),
    )
    const traces = learningTraces(experience.offsets, scores, credit, result.logRatios)
    for (const [e, trace] of traces.slice(0, own).entries()) {
      trainer.run.saveLearning(phase, (experience.episodes[e] as Episode).id, trace)
    }
    if (result.stopped) {
      trainer.emit({
        type: 'warning',
        phase,
        message:
          `the guard stopped the actor's epoch after ${result.steps} of ${result.planned} steps: the mean log-ratio of ` +
          `actions with negative advantage fell to ${result.drift.negative.toFixed(2)}; lower policy.learningRate or raise policy.beta`,
      })
    }
    return {
      result: undefined,
      metrics: {
        transitions: sequences.length,
        replayed: experience.episodes.length - own,
        advantageMean: credit.statistics.mean,
        advantageStd: credit.statistics.std,
        advantagePositive: credit.statistics.positive,
        logRatioPositive: result.drift.positive,
        logRatioNegative: result.drift.negative,
        temperature: phases.temperature,
        tokensComputed: result.tokens.computed,
        tokensSharedPrefix: result.tokens.sharedPrefix,
        tokensWeightless: result.tokens.weightless,
      },
    }
  })
}

function objectiveOf(trainer: Trainer): PolicyObjective {
  const { policy } = trainer.config
  switch (policy.objective) {
    case 'regression':
      return {
        kind: 'regression',
        beta: policy.beta,
        lengthNormalised: policy.lengthNormalised,
        positiveOnly: policy.positiveOnly,
      }
    case 'kl':
    case 'awr':
      return { kind: 'kl', beta: policy.beta, clip: policy.weightClip }
    case 'cloning':
      return { kind: 'cloning' }
  }
}

/** 1 for what is learned from, [N]: all own transitions (cloning: successes), replayed ones by their mask. */
function learningWeights(
  experience: Experience,
  own: number,
  replayMasks: readonly Uint8Array[],
  successesOnly: boolean,
): Float32Array {
  const weights = perTransition(
    successesOnly ? experience.outcomes : experience.episodes.map(() => 1),
    experience.offsets,
  )
  replayMasks.forEach((mask, i) => {
    weights.set(mask, experience.offsets[own + i])
  })
  return weights
}
