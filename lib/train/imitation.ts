/**
 * Imitation: one supervised pass over demonstrations (paper section 3.5), loss on action tokens and, at a small
 * weight, on the prompt's own tokens, which teaches a model without pre-training to read the pages it acts on.
 */
import { packActions, planSteps, sequenceLengths, splitByTokens } from '../learn/packing.ts'
import { seededRandom } from '../learn/random.ts'
import { learningRate, type Schedule } from '../learn/schedule.ts'
import type { Role } from '../native/model.ts'
import type { Checkpointing } from '../native/types.ts'
import { asConfigured, type PassMemory } from './pass-memory.ts'
import type { Sample } from './samples.ts'
import { withSignal } from './scoring.ts'
import type { StepFigures } from './step-figures.ts'

export interface ImitationOptions {
  epochs: number
  batchSize: number
  maxTokens: number
  schedule: Schedule
  clipNorm: number
  /** loss = mean over action tokens + promptWeight * mean over prompt tokens; 0 = actions only. */
  promptWeight: number
  checkpoint: Checkpointing
  /** Rows of logits alive at once; the role's default when absent. */
  chunk?: number
  seed: number
  memory?: PassMemory
  signal?: AbortSignal
}

export async function imitate(
  actor: Pick<Role, 'policyStep' | 'optimizerStep' | 'zeroGradients'>,
  samples: readonly Sample[],
  options: ImitationOptions,
  onStep: (figures: StepFigures) => void,
): Promise<void> {
  const lengths = sequenceLengths(samples)
  const random = seededRandom(options.seed)
  const plan = Array.from({ length: options.epochs }, () =>
    planSteps(lengths, { batchSize: options.batchSize, random }),
  ).flat()
  const memory = options.memory ?? asConfigured
  const scorePrompt = options.promptWeight > 0
  for (const [step, { rows }] of plan.entries()) {
    const started = performance.now()
    const normaliser = rows.reduce((sum, row) => sum + (samples[row] as Sample).actionIds.length, 0)
    const prompts = rows.reduce((sum, row) => sum + (samples[row] as Sample).promptIds.length - 1, 0)
    const promptWeight = (options.promptWeight * normaliser) / Math.max(prompts, 1)
    const { loss, tokens } = await memory.run(
      options.maxTokens,
      async (maxTokens) => {
        const sum = { loss: 0, tokens: 0 }
        for (const part of splitByTokens(rows, lengths, maxTokens)) {
          const { batch, isAction } = packActions(samples, part, { scorePrompt })
          const weights = Float32Array.from(isAction, (action) => (action ? 1 : promptWeight))
          const result = await actor.policyStep(
            batch,
            { kind: 'nll', weights, normaliser },
            {
              checkpoint: options.checkpoint,
              ...(options.chunk === undefined ? {} : { chunk: options.chunk }),
              ...withSignal(options),
            },
          )
          sum.loss += result.loss
          sum.tokens += batch.ids.length
          result.logprobs.dispose()
          result.logRatios.dispose()
        }
        return sum
      },
      () => actor.zeroGradients(),
    )
    const lr = learningRate(options.schedule, step, plan.length)
    const { gradNorm } = await actor.optimizerStep({ lr, clipNorm: options.clipNorm, ...withSignal(options) })
    onStep({
      step: step + 1,
      total: plan.length,
      loss,
      gradNorm,
      lr,
      tokens,
      seconds: (performance.now() - started) / 1000,
    })
  }
}
