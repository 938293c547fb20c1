/**
 * Trains the value and the potential critic (paper Alg. 1 phase A, Alg. 3): outcomes for all states, progress
 * labels for states of successes. Both heads share one trunk, so that one pass serves both losses.
 */
import { CRITIC_HEADS, criticSpec, criticTargets } from '../learn/critic-targets.ts'
import { packPrompts, planSteps, promptLengths } from '../learn/packing.ts'
import { seededRandom } from '../learn/random.ts'
import { learningRate, type Schedule } from '../learn/schedule.ts'
import type { Role } from '../native/model.ts'
import type { Experience } from './experience.ts'
import { withSignal } from './scoring.ts'
import type { StepFigures } from './step-figures.ts'

export interface CriticTrainingOptions {
  epochs: number
  batchSize: number
  maxTokens: number
  schedule: Schedule
  clipNorm: number
  headWeights: { value: number; potential: number }
  checkpoint: boolean
  seed: number
  signal?: AbortSignal
}

export async function trainCritics(
  critic: Pick<Role, 'criticStep' | 'optimizerStep'>,
  experience: Experience,
  options: CriticTrainingOptions,
  onStep: (figures: StepFigures, lossPerHead: number[]) => void,
): Promise<void> {
  const { transitions } = experience
  if (transitions.length === 0) return
  const targets = criticTargets(experience, options.headWeights)
  const lengths = promptLengths(transitions)
  const random = seededRandom(options.seed)
  const plan = Array.from({ length: options.epochs }, () =>
    planSteps(lengths, { batchSize: options.batchSize, maxTokens: options.maxTokens, random }),
  ).flat()
  for (const [step, { rows, microBatches }] of plan.entries()) {
    const started = performance.now()
    let loss = 0
    let tokens = 0
    const lossPerHead = CRITIC_HEADS.map(() => 0)
    for (const part of microBatches) {
      const spec = { ...criticSpec(targets, part), normaliser: rows.length }
      const batch = packPrompts(transitions, part)
      const result = await critic.criticStep(batch, spec, {
        checkpoint: options.checkpoint,
        ...withSignal(options),
      })
      loss += result.loss
      result.lossPerHead.forEach((own, head) => {
        lossPerHead[head] = (lossPerHead[head] as number) + own
      })
      tokens += batch.ids.length
      result.scores.dispose()
    }
    const lr = learningRate(options.schedule, step, plan.length)
    const { gradNorm } = await critic.optimizerStep({
      lr,
      clipNorm: options.clipNorm,
      ...withSignal(options),
    })
    onStep(
      {
        step: step + 1,
        total: plan.length,
        loss,
        gradNorm,
        lr,
        tokens,
        seconds: (performance.now() - started) / 1000,
      },
      lossPerHead,
    )
  }
}
