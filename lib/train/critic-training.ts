/**
 * Trains one critic role (paper Alg. 1 phase A, Alg. 3) on states: each head regresses its target where its weight
 * is not zero. One role may have both heads on a shared trunk, or one of them on adapters of its own.
 */
import { gatherRows } from '../learn/critic-targets.ts'
import { packPrompts, planSteps, promptLengths, splitByTokens } from '../learn/packing.ts'
import { seededRandom } from '../learn/random.ts'
import { learningRate, type Schedule } from '../learn/schedule.ts'
import type { Role } from '../native/model.ts'
import type { Checkpointing, CriticStepSpec } from '../native/types.ts'
import type { Transition } from './experience.ts'
import { asConfigured, type PassMemory } from './pass-memory.ts'
import { withSignal } from './scoring.ts'
import type { StepFigures } from './step-figures.ts'

export interface CriticTrainingOptions {
  epochs: number
  batchSize: number
  maxTokens: number
  schedule: Schedule
  clipNorm: number
  checkpoint: Checkpointing
  seed: number
  memory?: PassMemory
  signal?: AbortSignal
}

export interface CriticData {
  /** [N] */
  transitions: readonly Transition[]
  /** [N, M] */
  targets: Float32Array
  /** [N, M]; 0 = not trained on. */
  weights: Float32Array
  /** One per head, [M]. */
  losses: CriticStepSpec['losses']
}

export async function trainCritic(
  critic: Pick<Role, 'criticStep' | 'optimizerStep' | 'zeroGradients'>,
  data: CriticData,
  options: CriticTrainingOptions,
  onStep: (figures: StepFigures, lossPerHead: number[]) => void,
): Promise<void> {
  const { transitions, losses } = data
  if (transitions.length === 0) return
  const heads = losses.length
  const lengths = promptLengths(transitions)
  const random = seededRandom(options.seed)
  const memory = options.memory ?? asConfigured
  const plan = Array.from({ length: options.epochs }, () =>
    planSteps(lengths, { batchSize: options.batchSize, random }),
  ).flat()
  for (const [step, { rows }] of plan.entries()) {
    const started = performance.now()
    const { loss, lossPerHead, tokens } = await memory.run(
      options.maxTokens,
      async (maxTokens) => {
        const sum = { loss: 0, lossPerHead: losses.map(() => 0), tokens: 0 }
        for (const part of splitByTokens(rows, lengths, maxTokens)) {
          const batch = packPrompts(transitions, part)
          const result = await critic.criticStep(
            batch,
            {
              targets: gatherRows(data.targets, heads, part),
              weights: gatherRows(data.weights, heads, part),
              losses: [...losses],
              normaliser: rows.length,
            },
            { checkpoint: options.checkpoint, ...withSignal(options) },
          )
          sum.loss += result.loss
          result.lossPerHead.forEach((own, head) => {
            sum.lossPerHead[head] = (sum.lossPerHead[head] as number) + own
          })
          sum.tokens += batch.ids.length
          result.scores.dispose()
        }
        return sum
      },
      () => critic.zeroGradients(),
    )
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
