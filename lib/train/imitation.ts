/**
 * Imitation: one supervised pass over demonstrations (paper section 3.5), loss on action tokens and, at a small
 * weight, on the prompt's own tokens, which teaches a model without pre-training to read the pages it acts on.
 */
import { packActions, planSteps, sequenceLengths } from '../learn/packing.ts'
import { seededRandom } from '../learn/random.ts'
import { learningRate, type Schedule } from '../learn/schedule.ts'
import type { Role } from '../native/model.ts'
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
  checkpoint: boolean
  seed: number
  signal?: AbortSignal
}

export async function imitate(
  actor: Pick<Role, 'policyStep' | 'optimizerStep'>,
  samples: readonly Sample[],
  options: ImitationOptions,
  onStep: (figures: StepFigures) => void,
): Promise<void> {
  const lengths = sequenceLengths(samples)
  const random = seededRandom(options.seed)
  const plan = Array.from({ length: options.epochs }, () =>
    planSteps(lengths, { batchSize: options.batchSize, maxTokens: options.maxTokens, random }),
  ).flat()
  const scorePrompt = options.promptWeight > 0
  for (const [step, { rows, microBatches }] of plan.entries()) {
    const started = performance.now()
    const normaliser = rows.reduce((sum, row) => sum + (samples[row] as Sample).actionIds.length, 0)
    const prompts = rows.reduce((sum, row) => sum + (samples[row] as Sample).promptIds.length - 1, 0)
    const promptWeight = (options.promptWeight * normaliser) / Math.max(prompts, 1)
    let loss = 0
    let tokens = 0
    for (const part of microBatches) {
      const { batch, isAction } = packActions(samples, part, { scorePrompt })
      const weights = Float32Array.from(isAction, (action) => (action ? 1 : promptWeight))
      const result = await actor.policyStep(
        batch,
        { kind: 'nll', weights, normaliser },
        { checkpoint: options.checkpoint, ...withSignal(options) },
      )
      loss += result.loss
      tokens += batch.ids.length
      result.logprobs.dispose()
      result.logRatios.dispose()
    }
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
