/**
 * How sure the current policy is of what was done: rank = exp(mean action-token logp) = 1 / perplexity, and the
 * closed band that decides what is replayed (paper Alg. 2 line 8, Table 8). Scores no tokens itself.
 */
import { at, expectOffsets, type FloatArray, LearnError } from './arrays.ts'

/** [low, high] of rank; the paper keeps perplexity in [1/0.9, 1/0.5]. */
export type RankBand = readonly [number, number]

/**
 * Rank of each segment of tokens. With offsets at episode boundaries it is the paper's trajectory rank; with
 * offsets at action boundaries it is WebRL's per-action rank.
 * @param logprobs Log-probabilities of action tokens under the current policy, end to end, [S]
 * @param offsets Segment boundaries over the tokens, [G+1]
 * @returns [G], each in (0, 1]
 * @throws LearnError for a segment without tokens
 */
export function segmentRanks(logprobs: FloatArray, offsets: Int32Array): Float64Array {
  expectOffsets('offsets', offsets, logprobs.length)
  const ranks = new Float64Array(offsets.length - 1)
  for (let g = 0; g < ranks.length; g++) {
    const begin = at(offsets, g)
    const end = at(offsets, g + 1)
    if (end === begin)
      throw new LearnError('ERR_SHAPE', `expected action tokens in segment ${g}, received none`)
    let sum = 0
    for (let n = begin; n < end; n++) sum += at(logprobs, n)
    ranks[g] = Math.exp(sum / (end - begin))
  }
  return ranks
}

export function perplexity(rank: number): number {
  return 1 / rank
}

/** Closed at both ends, compared in float32, the precision the logprobs come in. */
export function inRankBand(rank: number, [low, high]: RankBand): boolean {
  const r = Math.fround(rank)
  return r >= Math.fround(low) && r <= Math.fround(high)
}
