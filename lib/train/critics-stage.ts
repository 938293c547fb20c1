/**
 * The stages that train the critics: on rollouts of the imitation policy before the first phase (paper Alg. 3),
 * then on every phase's own data.
 */
import { rollout } from '../agent/rollout.ts'
import { criticKind } from '../plan/settings.ts'
import type { Critics } from './critics.ts'
import { type Experience, experienceOf } from './experience.ts'
import { makeCritics, rateOf } from './roles.ts'
import type { Trainer } from './trainer.ts'

/** Critics that begin as the present policy. */
export async function createCritics(trainer: Trainer): Promise<Critics> {
  const critics = await makeCritics(trainer.model, trainer.config, { own: false })
  for (const role of critics.roles) trainer.own(role)
  trainer.configureOptimizers(critics)
  return critics
}

/** Rollouts of the imitation policy and a first training of both critics on them. */
export async function pretrainCritics(trainer: Trainer, critics: Critics): Promise<void> {
  const { phases, run } = trainer.config
  const { pretrainRollouts } = trainer.config.critics
  if (pretrainRollouts === 0) return
  const tasks = trainer.suites.warmup(pretrainRollouts)
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
  await criticStage(trainer, critics, experience, 0)
}

/** One training of the critics on a phase's data; phase 0 is the pre-training. */
export async function criticStage(trainer: Trainer, critics: Critics, experience: Experience, phase: number) {
  const { run, training, critics: settings } = trainer.config
  const stage = phase === 0 ? 'critic-pretraining' : 'critics'
  const kind = criticKind(trainer.config)
  const { learningRate, potentialLearningRate } = settings
  await trainer.stage(stage, phase, { unit: 'steps' }, async () => {
    trainer.generation.close()
    await critics.train(
      experience,
      {
        epochs: phase === 0 ? settings.pretrainEpochs : settings.epochs,
        batchSize: settings.batchSize,
        maxTokens: settings.maxTokens,
        learningRates: {
          value: rateOf(trainer.config, kind, learningRate),
          potential: rateOf(trainer.config, kind, potentialLearningRate ?? learningRate),
        },
        clipNorm: settings.clipNorm,
        headWeights: { value: settings.valueWeight, potential: settings.potentialWeight },
        checkpoint: training.checkpointing,
        seed: run.seed + phase,
        memory: trainer.memory,
        ...(trainer.signal ? { signal: trainer.signal } : {}),
      },
      (figures, { value, potential }) =>
        trainer.step(stage, phase, figures, {
          ...(value === undefined ? {} : { lossValue: value }),
          ...(potential === undefined ? {} : { lossPotential: potential }),
        }),
    )
    return { result: undefined }
  })
}

export function labelOptions(trainer: Trainer) {
  const { gapAnchoring, missing } = trainer.config.shaping
  return { gapAnchoring, missing }
}
