/**
 * One actor epoch of MiRA (paper Alg. 1 phase C, Eq. 12): regresses beta times the log-ratio to the frozen
 * reference of the phase onto the shaped advantage, and stops early when the guard sees the policy run away.
 */
import { gatherSegments, planSteps, sequenceLengths, splitByTokens, type Sequence } from '../learn/packing.ts'
import {
  chainLengths,
  packChains,
  type PrefixChain,
  prefixChains,
  singleChains,
  splitByWeight,
} from '../learn/prefix-packing.ts'
import type { DriftGuard, GuardStatistics } from '../learn/guard.ts'
import { klWeights, positiveAdvantageWeights } from '../learn/objectives.ts'
import { seededRandom } from '../learn/random.ts'
import { learningRate, type Schedule } from '../learn/schedule.ts'
import type { Role } from '../native/model.ts'
import type { Checkpointing, Exact, Objective } from '../native/types.ts'
import { asConfigured, type PassMemory } from './pass-memory.ts'
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
  checkpoint: Checkpointing
  /** Lets actions whose prompts extend each other share one sequence; the same losses from fewer tokens. Default false. */
  packPrefixes?: boolean
  /** Rows of logits alive at once; the role's default when absent. */
  chunk?: number
  /** Log-probabilities with the sampler's bits. Default false. */
  exact?: Exact
  seed: number
  guard: DriftGuard
  memory?: PassMemory
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
  tokens: TokenSavings
}

/** Tokens of an update's passes, and those that were spared without changing a loss. */
export interface TokenSavings {
  computed: number
  /** Prompts and actions that stood inside a longer sequence. */
  sharedPrefix: number
  /** Rows of weight 0: no loss, no gradient. */
  weightless: number
}

export async function updatePolicy(
  actor: Pick<Role, 'policyStep' | 'optimizerStep' | 'zeroGradients'>,
  data: PolicyData,
  options: PolicyUpdateOptions,
  onStep: (figures: StepFigures & { drift: GuardStatistics }) => void,
): Promise<PolicyUpdateResult> {
  const logRatios = new Float32Array(data.sequences.length).fill(Number.NaN)
  const random = seededRandom(options.seed)
  const learned = rowsWithWeight(data.weights)
  const lengths = sequenceLengths(learned.map((row) => data.sequences[row] as Sequence))
  const plan = Array.from({ length: options.epochs }, () =>
    planSteps(lengths, { batchSize: options.batchSize, random }),
  ).flat()
  const weights = rowWeights(options.objective, data)
  const memory = options.memory ?? asConfigured
  const saved: TokenSavings = { computed: 0, sharedPrefix: 0, weightless: 0 }
  let steps = 0
  for (const planned of plan) {
    if (options.guard.statistics.tripped) break
    const started = performance.now()
    const rows = planned.rows.map((i) => learned[i] as number)
    const { rows: kept, tokensNotComputed: weightless } = splitByWeight(data.sequences, rows, weights)
    saved.weightless += weightless
    // Nothing to learn from in the whole batch: neither its gradient nor old momentum moves the weights.
    if (kept.length === 0) {
      steps++
      continue
    }
    const { loss, tokens, sharedPrefix, seen } = await memory.run(
      options.maxTokens,
      (maxTokens) => accumulate(actor, data, weights, kept, planned.rows.length, { ...options, maxTokens }),
      () => actor.zeroGradients(),
    )
    for (const { rows, ratios, advantages } of seen) {
      options.guard.update(ratios, advantages)
      rows.forEach((row, a) => {
        logRatios[row] = ratios[a] as number
      })
    }
    saved.sharedPrefix += sharedPrefix
    saved.computed += tokens
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
  return { steps, planned: plan.length, stopped: steps < plan.length, drift, logRatios, tokens: saved }
}

/** Forward and backward of one optimizer step's rows; says what it saw only when all of it is done. */
async function accumulate(
  actor: Pick<Role, 'policyStep'>,
  data: PolicyData,
  weights: Float32Array,
  kept: Int32Array,
  normaliser: number,
  options: PolicyUpdateOptions,
) {
  const sum = { loss: 0, tokens: 0, sharedPrefix: 0 }
  const seen: { rows: Int32Array; ratios: Float32Array; advantages: Float32Array }[] = []
  for (const chains of passesOf(data.sequences, kept, options)) {
    const { batch, rows, tokensNotComputed } = packChains(data.sequences, chains)
    const result = await actor.policyStep(
      batch,
      objectiveOf(options.objective, data, weights, rows, normaliser),
      {
        checkpoint: options.checkpoint,
        ...(options.chunk === undefined ? {} : { chunk: options.chunk }),
        ...(options.exact === undefined ? {} : { exact: options.exact }),
        ...withSignal(options),
      },
    )
    sum.loss += result.loss
    sum.tokens += batch.ids.length
    sum.sharedPrefix += tokensNotComputed
    const ratios = Float32Array.from(result.logRatios.data as Float32Array)
    if (ratios.length === rows.length) {
      seen.push({
        rows,
        ratios,
        advantages: Float32Array.from(rows, (row) => data.advantages[row] as number),
      })
    }
    result.logprobs.dispose()
    result.logRatios.dispose()
  }
  return { ...sum, seen }
}

/** The forward passes of one optimizer step: chains of rows, none above maxTokens unless one chain alone is. */
function passesOf(
  sequences: readonly Sequence[],
  kept: Int32Array,
  options: Pick<PolicyUpdateOptions, 'maxTokens' | 'packPrefixes'>,
): PrefixChain[][] {
  const chains = options.packPrefixes ? prefixChains(sequences, kept) : singleChains(kept)
  const order = Int32Array.from(chains, (_, c) => c)
  const parts = splitByTokens(order, chainLengths(sequences, chains), options.maxTokens)
  return parts.map((part) => Array.from(part, (c) => chains[c] as PrefixChain))
}

/** What the objective multiplies each row's loss with, [N]. */
function rowWeights(kind: PolicyObjective, data: PolicyData): Float32Array {
  switch (kind.kind) {
    case 'regression':
      return kind.positiveOnly
        ? multiply(data.weights, positiveAdvantageWeights(data.advantages))
        : data.weights
    case 'kl':
      return multiply(data.weights, klWeights(data.advantages, kind.beta, kind.clip))
    case 'cloning':
      return data.weights
  }
}

function objectiveOf(
  kind: PolicyObjective,
  data: PolicyData,
  rowWeights: Float32Array,
  rows: Int32Array,
  normaliser: number,
): Objective {
  const pick = (values: Float32Array) => Float32Array.from(rows, (row) => values[row] as number)
  const weights = pick(rowWeights)
  if (kind.kind !== 'regression') return { kind: 'weighted', weights, normaliser }
  return {
    kind: 'regression',
    beta: kind.beta,
    advantages: pick(data.advantages),
    reference: gatherSegments(data.reference.logprobs, data.reference.offsets, rows),
    weights,
    normaliser,
    lengthNormalised: kind.lengthNormalised,
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
