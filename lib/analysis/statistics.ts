/**
 * Differences between two policies measured on the same tasks: paired bootstrap (Efron 1979), which keeps the
 * tasks' own difficulty out of the comparison. Deterministic in its seed.
 */

export interface Difference {
  /** Mean of second - first. */
  mean: number
  /** Percentile interval. */
  low: number
  high: number
  /** Share of resamples in which second is not above first: a one-sided bootstrap p-value. */
  notAbove: number
}

export interface BootstrapOptions {
  /** Default 10,000. */
  resamples?: number
  /** Coverage in (0, 1); default 0.95. */
  level?: number
  seed?: number
}

/**
 * @param first score of each task under one policy, [N]
 * @param second score of the same tasks, in the same order, under the other, [N]
 * @throws RangeError when lengths differ or there is no task
 */
export function pairedBootstrap(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: BootstrapOptions = {},
): Difference {
  const { resamples = 10_000, level = 0.95, seed = 1 } = options
  const n = first.length
  if (second.length !== n)
    throw new RangeError(`second: expected one score per task (${n}), received ${second.length}`)
  if (n === 0) throw new RangeError('first: expected at least one task, received none')
  if (!(level > 0 && level < 1))
    throw new RangeError(`level: expected a number between 0 and 1, received ${level}`)
  if (!(Number.isInteger(resamples) && resamples > 0)) {
    throw new RangeError(`resamples: expected a positive whole number, received ${resamples}`)
  }
  const differences = Float64Array.from({ length: n }, (_, i) => (second[i] as number) - (first[i] as number))
  const uint = xorshift(seed)
  const means = new Float64Array(resamples)
  let notAbove = 0
  for (let r = 0; r < resamples; r++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += differences[uint() % n] as number
    means[r] = sum / n
    if (sum <= 0) notAbove++
  }
  means.sort()
  const tail = (1 - level) / 2
  return {
    mean: differences.reduce((sum, d) => sum + d, 0) / n,
    low: quantile(means, tail),
    high: quantile(means, 1 - tail),
    notAbove: notAbove / resamples,
  }
}

/** Linear interpolation between order statistics (type 7, the default of numpy and R). */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN
  const position = q * (sorted.length - 1)
  const below = Math.floor(position)
  const low = sorted[below] as number
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number
  return low + (position - below) * (high - low)
}

/** xorshift32 (Marsaglia 2003); good enough to resample with, and the same everywhere. */
function xorshift(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}
