/**
 * Fewer tokens for the same losses: actions whose prompts extend each other share one packed sequence, and rows that
 * make no gradient are left out. Pure; both savings are reported as tokens not computed. Leaves out states that merely
 * share a beginning (two answers to one prompt): their tokens differ behind it and attention would mix them.
 */
import { at, offsetsOf } from './arrays.ts'
import type { PackedBatch } from '../native/types.ts'
import { packActions, type PolicyBatch, type Sequence } from './packing.ts'

/** Rows that share one sequence, each one's prompt and action being where the next one's prompt begins. */
export type PrefixChain = Int32Array

/**
 * Groups rows into chains: row i comes before row j when all tokens of i, prompt and action, begin j's prompt.
 * Attention is causal, so i's action is scored inside j's sequence as it would be alone. Every row is in one chain;
 * chains come in the order of their first row in `rows`, so that rows without relatives stay as they were.
 */
export function prefixChains(sequences: readonly Sequence[], rows: Int32Array): PrefixChain[] {
  const place = Array.from(rows, (_, i) => i)
  const tokens = Array.from(rows, (row) => sequenceTokens(sequences[row] as Sequence))
  // In dictionary order a sequence stands before those it begins, and all that stands between also begins with it.
  place.sort((a, b) => compareTokens(tokens[a] as Int32Array, tokens[b] as Int32Array) || a - b)
  const next = new Int32Array(rows.length).fill(-1)
  const hasPrevious = new Uint8Array(rows.length)
  const open: number[] = []
  for (const j of place) {
    while (open.length > 0 && !begins(tokens[open.at(-1) as number] as Int32Array, tokens[j] as Int32Array))
      open.pop()
    const prompt = (sequences[at(rows, j)] as Sequence).promptIds.length
    const i = open.findLast((i) => at(next, i) < 0 && (tokens[i] as Int32Array).length <= prompt)
    if (i !== undefined) {
      next[i] = j
      hasPrevious[j] = 1
    }
    open.push(j)
  }
  const chains: { first: number; rows: number[] }[] = []
  for (let head = 0; head < rows.length; head++) {
    if (at(hasPrevious, head)) continue
    const chain = { first: head, rows: [] as number[] }
    for (let i = head; i >= 0; i = at(next, i)) {
      chain.first = Math.min(chain.first, i)
      chain.rows.push(at(rows, i))
    }
    chains.push(chain)
  }
  return chains.sort((a, b) => a.first - b.first).map((chain) => Int32Array.from(chain.rows))
}

/** Every row by itself. */
export function singleChains(rows: Int32Array): PrefixChain[] {
  return Array.from(rows, (row) => Int32Array.of(row))
}

/** Tokens each chain computes: those of its last row, [C]. */
export function chainLengths(sequences: readonly Sequence[], chains: readonly PrefixChain[]): Int32Array {
  return Int32Array.from(chains, (chain) => {
    const { promptIds, actionIds } = sequences[at(chain, chain.length - 1)] as Sequence
    return promptIds.length + actionIds.length
  })
}

export interface MergedBatch extends Pick<PolicyBatch, 'scoredOffsets' | 'rows'> {
  batch: PackedBatch
  /** Tokens that stand in more than one of the rows' sequences and are computed once. */
  tokensNotComputed: number
}

/**
 * One sequence per chain; only action tokens are scored. `rows`, `scoredOffsets` and per-action vectors of an
 * objective follow the chains, row by row. Without shared prefixes the batch is that of packActions.
 * @throws LearnError for an empty prompt or action
 */
export function packChains(sequences: readonly Sequence[], chains: readonly PrefixChain[]): MergedBatch {
  const rows = Int32Array.from(chains.flatMap((chain) => [...chain]))
  const alone = packActions(sequences, rows)
  if (rows.length === chains.length)
    return { batch: alone.batch, scoredOffsets: alone.scoredOffsets, rows, tokensNotComputed: 0 }
  const offsets = offsetsOf(chainLengths(sequences, chains))
  const ids = new Int32Array(offsets.at(-1) as number)
  const scored = new Int32Array(alone.batch.scored.length)
  let n = 0
  chains.forEach((chain, c) => {
    const begin = at(offsets, c)
    ids.set(sequenceTokens(sequences[at(chain, chain.length - 1)] as Sequence), begin)
    for (const row of chain) {
      const { promptIds, actionIds } = sequences[row] as Sequence
      for (let t = 0; t < actionIds.length; t++) scored[n++] = begin + promptIds.length + t
    }
  })
  return {
    batch: { ids, offsets, scored, groups: alone.scoredOffsets },
    scoredOffsets: alone.scoredOffsets,
    rows,
    tokensNotComputed: alone.batch.ids.length - ids.length,
  }
}

/**
 * Splits rows by whether a pass over them could change anything: those whose weight is 0 have no loss and no gradient.
 * An advantage of 0 is no reason to leave a row out of a regression: its pull towards the reference is real.
 * @param weights What the objective multiplies each row with, [N]
 */
export function splitByWeight(
  sequences: readonly Sequence[],
  rows: Int32Array,
  weights: Float32Array,
): { rows: Int32Array; tokensNotComputed: number } {
  const kept = rows.filter((row) => at(weights, row) !== 0)
  let tokensNotComputed = 0
  for (const row of rows)
    if (at(weights, row) === 0) tokensNotComputed += sequenceTokens(sequences[row] as Sequence).length
  return { rows: kept, tokensNotComputed }
}

function sequenceTokens({ promptIds, actionIds }: Sequence): Int32Array {
  const tokens = new Int32Array(promptIds.length + actionIds.length)
  tokens.set(promptIds)
  tokens.set(actionIds, promptIds.length)
  return tokens
}

function compareTokens(a: Int32Array, b: Int32Array): number {
  const common = Math.min(a.length, b.length)
  for (let t = 0; t < common; t++) if (at(a, t) !== at(b, t)) return at(a, t) - at(b, t)
  return a.length - b.length
}

function begins(a: Int32Array, b: Int32Array): boolean {
  return a.length <= b.length && a.every((id, t) => id === at(b, t))
}
