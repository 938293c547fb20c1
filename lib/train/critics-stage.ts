/**
 * The critics of a run: one copy of the imitation policy's trunk with a value and a potential head, trained on
 * rollouts of that policy before the first phase (paper Alg. 3), then on every phase's own data.
 */
import { rollout } from '../agent/rollout.ts'
import { CRITIC_HEADS } from '../learn/critic-targets.ts'
import type { Role } from '../native/model.ts'
import { trainCritics } from './critic-training.ts'
import { type Experience, experienceOf } from './experience.ts'
import type { Trainer } from './trainer.ts'

export async function createCritic(trainer: Trainer): Promise<Role> {
  const { hidden } = trainer.model.config
  const critic = await trainer.model.role({
    name: 'critic',
    kind: 'full',
    copy: true,
    heads: CRITIC_HEADS.map((name, i) => ({ name, width: hidden, seed: trainer.config.run.seed + i })),
  })
  return trainer.own(critic)
}

/** Rollouts of the imitation policy and a first training of both critics on them. */
export async function pretrainCritics(trainer: Trainer, critic: Role): Promise<void> {
  const { critics, phases, run } = trainer.config
  if (critics.pretrainRollouts === 0) return
  const tasks = trainer.suites.warmup(critics.pretrainRollouts)
  const experience = await trainer.stage(
    'critic-rollouts',
    0,
    { total: tasks.length, unit: 'episodes' },
    async () => {
      let successes = 0
      const { episodes } = await rollout(trainer.agent, {
        tasks,
        phase: 0,
        stage: 'critics-0',
        runSeed: run.seed,
        temperature: phases.temperature,
        concurrency: trainer.config.agent.concurrency,
        ...(trainer.signal ? { signal: trainer.signal } : {}),
        onEpisode: (episode, done, total) => {
          successes += episode.judgement.score >= 1 ? 1 : 0
          trainer.emit({ type: 'progress', stage: 'critic-rollouts', phase: 0, done, total, successes })
        },
      })
      return {
        result: experienceOf(episodes, labelOptions(trainer)),
        metrics: { success: successes / tasks.length },
      }
    },
  )
  await criticStage(trainer, critic, experience, 0)
}

/** One training of the critics on a phase's data; phase 0 is the pre-training. */
export async function criticStage(trainer: Trainer, critic: Role, experience: Experience, phase: number) {
  const { critics, run } = trainer.config
  const stage = phase === 0 ? 'critic-pretraining' : 'critics'
  await trainer.stage(stage, phase, { unit: 'steps' }, async () => {
    critic.configureOptimizer(critics.adamW)
    await trainCritics(
      critic,
      experience,
      {
        epochs: phase === 0 ? critics.pretrainEpochs : critics.epochs,
        batchSize: critics.batchSize,
        maxTokens: critics.maxTokens,
        schedule: { kind: 'constant', peak: critics.learningRate, warmup: 0, final: 1 },
        clipNorm: critics.clipNorm,
        headWeights: { value: critics.valueWeight, potential: critics.potentialWeight },
        checkpoint: false,
        seed: run.seed + phase,
        ...(trainer.signal ? { signal: trainer.signal } : {}),
      },
      (figures, lossPerHead) =>
        trainer.step(stage, phase, figures, {
          lossValue: lossPerHead[0] as number,
          lossPotential: lossPerHead[1] as number,
        }),
    )
    return { result: undefined }
  })
}

export function labelOptions(trainer: Trainer) {
  const { gapAnchoring, missing } = trainer.config.shaping
  return { gapAnchoring, missing }
}
