/**
 * Advantages of a flat batch of episodes: the convex mix of a TD error and a Monte-Carlo residual that the paper
 * calls doubly robust (Eq. 10), and scaling to unit standard deviation. Trains and clips nothing.
 */
import { at, expectLength, expectOffsets, expectRange, type FloatArray, output } from './arrays.ts'

export interface AdvantageBatch {
  /** r'_t, [N]. */
  rewards: FloatArray
  /** G_t, [N]. */
  returns: FloatArray
  /** V(s_t) of the state each action was chosen in, [N]. */
  values: FloatArray
  /** Where each episode begins, [E+1]. */
  offsets: Int32Array
}

export interface AdvantageOptions {
  /** Discount of the TD target. Paper Table 6: 0.9. */
  gamma: number
  /** Weight of the TD part; 1 = TD only (the paper's ablation), 0 = Monte Carlo only. WebRL: 0.5. */
  lambda: number
}

/**
 * A_t = lambda (r'_t + gamma V(s_{t+1}) - V(s_t)) + (1 - lambda) (G_t - V(s_t))      (Eq. 10)
 * with V = 0 after the last step of an episode. V is an undiscounted success probability (Eq. 4), so gamma < 1
 * biases every step before the last by -(1 - gamma) V; that is the paper's form and kept.
 *
 * @param out Written and returned when given, [N]; may be `returns` or `rewards`, not `values`
 * @returns [N]
 */
export function shapedAdvantages<A extends FloatArray = Float32Array>(
  batch: AdvantageBatch,
  options: AdvantageOptions,
  out?: A,
): A {
  const { rewards, returns, values, offsets } = batch
  const { gamma, lambda } = options
  expectRange('gamma', gamma, 0, 1)
  expectRange('lambda', lambda, 0, 1)
  expectOffsets('offsets', offsets, rewards.length)
  expectLength('returns', returns, rewards.length)
  expectLength('values', values, rewards.length)
  const result = output(out, batch.rewards.length)
  for (let e = 0; e + 1 < offsets.length; e++) {
    const end = at(offsets, e + 1)
    for (let t = at(offsets, e); t < end; t++) {
      const value = at(values, t)
      const next = t + 1 < end ? at(values, t + 1) : 0
      const temporalDifference = at(rewards, t) + gamma * next - value
      result[t] = lambda * temporalDifference + (1 - lambda) * (at(returns, t) - value)
    }
  }
  return result
}

export interface AdvantageStatistics {
  mean: number
  std: number
  /** Share of A > 0. */
  positive: number
}

export function advantageStatistics(advantages: FloatArray): AdvantageStatistics {
  const n = advantages.length
  if (n === 0) return { mean: 0, std: 0, positive: 0 }
  let sum = 0
  let positive = 0
  for (const a of advantages) {
    sum += a
    if (a > 0) positive++
  }
  const mean = sum / n
  let squares = 0
  for (const a of advantages) squares += (a - mean) ** 2
  return { mean, std: Math.sqrt(squares / n), positive: positive / n }
}

/**
 * Divides by the batch's standard deviation without moving the mean, so that signs survive: what matters to
 * Eq. 12 is |A| / beta. A batch without spread comes back unchanged.
 */
export function scaleToUnitStd<A extends FloatArray = Float32Array>(advantages: FloatArray, out?: A): A {
  const scaled = output(out, advantages.length)
  const { std } = advantageStatistics(advantages)
  const scale = std > 1e-8 ? 1 / std : 1
  for (let i = 0; i < advantages.length; i++) scaled[i] = at(advantages, i) * scale
  return scaled
}
