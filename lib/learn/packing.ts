/**
 * Which transitions share an optimizer step, and how they become a PackedBatch: prompt ids followed by the
 * sampled action ids, exactly as they were fed and drawn. Never decodes, never encodes, never pads.
 */
import type { PackedBatch } from '../native/types.ts'
import { at, LearnError } from './arrays.ts'
import type { SeededRandom } from './random.ts'

/** What packing needs of a step; lib/agent's Step is one. */
export interface Sequence {
  promptIds: Int32Array
  actionIds: Int32Array
}

export interface BatchPlan {
  /** Sequences of one optimizer step; unlimited when absent. */
  batchSize?: number
  /** Tokens of one forward pass; unlimited when absent. A longer single sequence gets a pass of its own. */
  maxTokens?: number
  /** Shuffles when given. */
  random?: SeededRandom
  /** Drops a last optimizer step with fewer than batchSize sequences. Default false. */
  dropLast?: boolean
}

/** One optimizer step: micro-batches whose gradients accumulate. Rows index the planned sequences. */
export interface PlannedStep {
  rows: Int32Array
  microBatches: Int32Array[]
}

/** A batch with the scored tokens' owners. */
export interface PolicyBatch {
  batch: PackedBatch
  /** Where each sequence's scored tokens begin in `batch.scored`, [B+1]. */
  scoredOffsets: Int32Array
  /** 1 where the scored token is an action token, 0 where it belongs to the prompt, [S]. */
  isAction: Uint8Array
  /** The planned row of each sequence, [B]. */
  rows: Int32Array
}

/** Splits rows 0..lengths.length-1 into optimizer steps and those into forward passes. Deterministic in the seed. */
export function planSteps(lengths: ArrayLike<number>, plan: BatchPlan): PlannedStep[] {
  const { batchSize = lengths.length, maxTokens = Number.POSITIVE_INFINITY, random, dropLast = false } = plan
  if (lengths.length === 0) return []
  if (!Number.isInteger(batchSize) || batchSize < 1 || !(maxTokens >= 1)) {
    throw new LearnError(
      'ERR_VALUE',
      `expected batchSize and maxTokens of at least 1, received ${batchSize}, ${maxTokens}`,
    )
  }
  const order = Int32Array.from({ length: lengths.length }, (_, i) => i)
  random?.shuffle(order)
  const steps: PlannedStep[] = []
  for (let begin = 0; begin < order.length; begin += batchSize) {
    const rows = order.slice(begin, begin + batchSize)
    if (dropLast && rows.length < batchSize && steps.length > 0) break
    steps.push({ rows, microBatches: splitByTokens(rows, lengths, maxTokens) })
  }
  return steps
}

/** Fills forward passes in the given order, none above `maxTokens` unless one sequence alone is. */
export function splitByTokens(rows: Int32Array, lengths: ArrayLike<number>, maxTokens: number): Int32Array[] {
  const parts: Int32Array[] = []
  let begin = 0
  let tokens = 0
  for (let i = 0; i < rows.length; i++) {
    const length = at(lengths, at(rows, i))
    if (i > begin && tokens + length > maxTokens) {
      parts.push(rows.subarray(begin, i))
      begin = i
      tokens = 0
    }
    tokens += length
  }
  if (rows.length > begin) parts.push(rows.subarray(begin))
  return parts
}

/** Tokens of each sequence, prompt and action, [N]. */
export function sequenceLengths(sequences: readonly Sequence[]): Int32Array {
  return Int32Array.from(sequences, (s) => s.promptIds.length + s.actionIds.length)
}

/** Tokens of each prompt, [N]. */
export function promptLengths(sequences: readonly Sequence[]): Int32Array {
  return Int32Array.from(sequences, (s) => s.promptIds.length)
}

/**
 * Prompt and action of the chosen rows end to end; every action token is scored, and with `scorePrompt` every
 * prompt token but the first (the language-modelling part of imitation).
 * @throws LearnError for an empty prompt or action
 */
export function packActions(
  sequences: readonly Sequence[],
  rows: Int32Array,
  options: { scorePrompt?: boolean } = {},
): PolicyBatch {
  const scorePrompt = options.scorePrompt ?? false
  const offsets = new Int32Array(rows.length + 1)
  const scoredOffsets = new Int32Array(rows.length + 1)
  for (let b = 0; b < rows.length; b++) {
    const { promptIds, actionIds } = sequenceAt(sequences, at(rows, b))
    if (actionIds.length === 0)
      throw new LearnError('ERR_SHAPE', `expected action ids in sequence ${at(rows, b)}, received none`)
    offsets[b + 1] = at(offsets, b) + promptIds.length + actionIds.length
    scoredOffsets[b + 1] = at(scoredOffsets, b) + actionIds.length + (scorePrompt ? promptIds.length - 1 : 0)
  }
  const ids = new Int32Array(at(offsets, rows.length))
  const scored = new Int32Array(at(scoredOffsets, rows.length))
  const isAction = new Uint8Array(scored.length)
  for (let b = 0; b < rows.length; b++) {
    const { promptIds, actionIds } = sequenceAt(sequences, at(rows, b))
    const begin = at(offsets, b)
    ids.set(promptIds, begin)
    ids.set(actionIds, begin + promptIds.length)
    let n = at(scoredOffsets, b)
    const actionBegin = begin + promptIds.length
    for (let t = scorePrompt ? begin + 1 : actionBegin; t < at(offsets, b + 1); t++, n++) {
      scored[n] = t
      isAction[n] = t >= actionBegin ? 1 : 0
    }
  }
  return { batch: { ids, offsets, scored }, scoredOffsets, isAction, rows }
}

/** Prompts alone, nothing scored: what the critics read at the last token of each sequence. */
export function packPrompts(sequences: readonly Sequence[], rows: Int32Array): PackedBatch {
  const offsets = new Int32Array(rows.length + 1)
  for (let b = 0; b < rows.length; b++) {
    offsets[b + 1] = at(offsets, b) + sequenceAt(sequences, at(rows, b)).promptIds.length
  }
  const ids = new Int32Array(at(offsets, rows.length))
  for (let b = 0; b < rows.length; b++) ids.set(sequenceAt(sequences, at(rows, b)).promptIds, at(offsets, b))
  return { ids, offsets, scored: new Int32Array(0) }
}

/**
 * Values kept per scored token of all planned sequences (reference logprobs), cut out for one batch, [S].
 * @param all Values of every sequence's tokens end to end
 * @param allOffsets Where each planned row's values begin in `all`, [N+1]
 */
export function gatherSegments(all: Float32Array, allOffsets: Int32Array, rows: Int32Array): Float32Array {
  let total = 0
  for (const row of rows) total += at(allOffsets, row + 1) - at(allOffsets, row)
  const out = new Float32Array(total)
  let n = 0
  for (const row of rows) {
    const part = all.subarray(at(allOffsets, row), at(allOffsets, row + 1))
    out.set(part, n)
    n += part.length
  }
  return out
}

function sequenceAt(sequences: readonly Sequence[], row: number): Sequence {
  const sequence = sequences[row]
  if (!sequence)
    throw new LearnError('ERR_SHAPE', `expected a row below ${sequences.length}, received ${row}`)
  if (sequence.promptIds.length === 0)
    throw new LearnError('ERR_SHAPE', `expected prompt ids in sequence ${row}, received none`)
  return sequence
}
