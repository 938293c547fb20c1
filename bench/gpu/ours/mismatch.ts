/** How far two sets of log-probabilities of the same sampled tokens are apart. */

/**
 * kl: mean over tokens of r - 1 - log r, r = p_trainer / p_sampler: an estimate of KL(sampler || trainer), in nats per
 * token, that is never negative and needs few samples (Schulman's k3).
 */
export function mismatch(sampler: ArrayLike<number>, trainer: ArrayLike<number>) {
  let kl = 0
  let largest = 0
  for (let n = 0; n < sampler.length; n++) {
    const difference = trainer[n]! - sampler[n]!
    kl += Math.expm1(difference) - difference
    largest = Math.max(largest, Math.abs(difference))
  }
  return { kl: kl / sampler.length, largestDifference: largest, tokens: sampler.length }
}
