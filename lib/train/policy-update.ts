/**
 * One actor epoch of MiRA (paper Alg. 1 phase C, Eq. 12): regresses beta times the log-ratio to the frozen
 * reference of the phase onto the shaped advantage, and stops early when the guard sees the policy run away.
 */
import { gatherSegments, packActions, planSteps, sequenceLengths, type Sequence } from '../learn/packing.ts'
import type { DriftGuard, GuardStatistics } from '../learn/guard.ts'
import { klWeights, positiveAdvantageWeights } from '../learn/objectives.ts'
import { seededRandom } from '../learn/random.ts'
import { learningRate, type Schedule } from '../learn/schedule.ts'
import type { Role } from '../native/model.ts'
import type { Objective } from '../native/types.ts'
import { type TokenLogprobs, withSignal } from './scoring.ts'
import type { StepFigures } from './step-figures.ts'

/** regression: Eq. 12. kl: Eq. 21. cloning: likelihood of the given sequences (weights from outside). */
export type PolicyObjective =
  | { kind: 'regression'; beta: number; lengthNormalised: boolean; positiveOnly: boolean }
  | { kind: 'kl'; beta: number; clip: number }
  | { kind: 'cloning' }

export interface PolicyData {
  /** [N] */
  sequences: readonly Sequence[]
  /** A_t, [N]. */
  advantages: Float32Array
  /** 1 = learn from it, 0 = do not, [N]. */
  weights: Float32Array
  /** Logprobs under the reference, frozen at the start of the phase. */
  reference: TokenLogprobs
}

export interface PolicyUpdateOptions {
  objective: PolicyObjective
  epochs: number
  batchSize: number
  maxTokens: number
  schedule: Schedule
  clipNorm: number
  checkpoint: boolean
  seed: number
  guard: DriftGuard
  signal?: AbortSignal
}

export interface PolicyUpdateResult {
  steps: number
  planned: number
  /** True when the guard ended the epoch. */
  stopped: boolean
  drift: GuardStatistics
  /** Last seen rho_t of each sequence, NaN where none was computed, [N]. */
  logRatios: Float32Array
}

export async function updatePolicy(
  actor: Pick<Role, 'policyStep' | 'optimizerStep'>,
  data: PolicyData,
  options: PolicyUpdateOptions,
  onStep: (figures: StepFigures & { drift: GuardStatistics }) => void,
): Promise<PolicyUpdateResult> {
  const logRatios = new Float32Array(data.sequences.length).fill(Number.NaN)
  const random = seededRandom(options.seed)
  const learned = rowsWithWeight(data.weights)
  const lengths = sequenceLengths(learned.map((row) => data.sequences[row] as Sequence))
  const plan = Array.from({ length: options.epochs }, () =>
    planSteps(lengths, { batchSize: options.batchSize, maxTokens: options.maxTokens, random }),
  ).flat()
  let steps = 0
  for (const planned of plan) {
    if (options.guard.statistics.tripped) break
    const started = performance.now()
    let loss = 0
    let tokens = 0
    for (const part of planned.microBatches) {
      const rows = Int32Array.from(part, (i) => learned[i] as number)
      const { batch } = packActions(data.sequences, rows)
      const advantages = Float32Array.from(rows, (row) => data.advantages[row] as number)
      const result = await actor.policyStep(
        batch,
        objectiveOf(options.objective, data, rows, planned.rows.length),
        {
          checkpoint: options.checkpoint,
          ...withSignal(options),
        },
      )
      loss += result.loss
      tokens += batch.ids.length
      const ratios = Float32Array.from(result.logRatios.data as Float32Array)
      if (ratios.length === rows.length) {
        options.guard.update(ratios, advantages)
        rows.forEach((row, b) => {
          logRatios[row] = ratios[b] as number
        })
      }
      result.logprobs.dispose()
      result.logRatios.dispose()
    }
    const lr = learningRate(options.schedule, steps, plan.length)
    const { gradNorm } = await actor.optimizerStep({ lr, clipNorm: options.clipNorm, ...withSignal(options) })
    steps++
    const seconds = (performance.now() - started) / 1000
    onStep({
      step: steps,
      total: plan.length,
      loss,
      gradNorm,
      lr,
      tokens,
      seconds,
      drift: options.guard.statistics,
    })
  }
  const drift = options.guard.statistics
  return { steps, planned: plan.length, stopped: steps < plan.length, drift, logRatios }
}

function objectiveOf(
  kind: PolicyObjective,
  data: PolicyData,
  rows: Int32Array,
  normaliser: number,
): Objective {
  const pick = (values: Float32Array) => Float32Array.from(rows, (row) => values[row] as number)
  const weights = pick(data.weights)
  const advantages = pick(data.advantages)
  switch (kind.kind) {
    case 'regression':
      return {
        kind: 'regression',
        beta: kind.beta,
        advantages,
        reference: gatherSegments(data.reference.logprobs, data.reference.offsets, rows),
        weights: kind.positiveOnly ? multiply(weights, positiveAdvantageWeights(advantages)) : weights,
        normaliser,
        lengthNormalised: kind.lengthNormalised,
      }
    case 'kl':
      return {
        kind: 'weighted',
        weights: multiply(weights, klWeights(advantages, kind.beta, kind.clip)),
        normaliser,
      }
    case 'cloning':
      return { kind: 'weighted', weights, normaliser }
  }
}

function multiply(a: Float32Array, b: ArrayLike<number>): Float32Array {
  return a.map((value, i) => value * (b[i] as number))
}

function rowsWithWeight(weights: Float32Array): number[] {
  const rows: number[] = []
  weights.forEach((weight, row) => {
    if (weight !== 0) rows.push(row)
  })
  return rows
}
