/**
 * Confidence intervals for success rates. Binomial only: episodes are taken as independent draws.
 */

export interface Rate {
  successes: number
  episodes: number
}

export interface Interval {
  /** Observed share in [0, 1]; NaN when there were no episodes. */
  mean: number
  low: number
  high: number
}

/** 97.5th percentile of the standard normal: two-sided 95%. */
const Z95 = 1.959963984540054

/**
 * Wilson score interval (Wilson 1927), which stays inside [0, 1] and keeps its coverage near 0 and 1, where
 * the normal approximation collapses to a point. No episodes: the whole of [0, 1].
 *
 * @throws RangeError when successes are not between 0 and episodes.
 */
export function wilson(rate: Rate, z = Z95): Interval {
  const { successes, episodes } = rate
  if (!(successes >= 0 && successes <= episodes)) {
    throw new RangeError(`successes: expected 0 to ${episodes} (the episodes), received ${successes}`)
  }
  if (episodes === 0) return { mean: Number.NaN, low: 0, high: 1 }
  const p = successes / episodes
  const z2n = (z * z) / episodes
  const centre = (p + z2n / 2) / (1 + z2n)
  const half = (z * Math.sqrt((p * (1 - p)) / episodes + z2n / (4 * episodes))) / (1 + z2n)
  return {
    mean: p,
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === episodes ? 1 : Math.min(1, centre + half),
  }
}
