/**
 * Shaped rewards r' = r + alpha (shapingGamma P(s') - P(s)) for a flat batch of episodes (paper section 5.3,
 * Alg. 1 line 13). The paper leaves gamma out of the difference (shapingGamma = 1); with shapingGamma = gamma it
 * is potential-based shaping proper (Eq. 1), which leaves the optimal policy unchanged. Knows no critic.
 */
import { at, expectLength, expectOffsets, type FloatArray, output } from './arrays.ts'

export interface ShapingOptions {
  /** Weight of the auxiliary reward; 0 turns shaping off. Paper Table 7: 0.3. */
  alpha: number
  /** Discount inside the difference; 1 in the paper, gamma for strict potential-based shaping. */
  shapingGamma: number
  /** true: failed episodes keep their sparse reward only. The paper shapes every episode of the batch. */
  positiveOnly: boolean
}

/** Episodes end to end: `offsets` [E+1] says where each begins. */
export interface ShapingBatch {
  /** P(s_t) of the state each action was chosen in, [N]. */
  potentials: FloatArray
  offsets: Int32Array
  /** Outcome R in {0, 1} of each episode, paid on its last step, [E]. */
  outcomes: ArrayLike<number>
}

/**
 * r^aux_t = alpha (shapingGamma P(s_{t+1}) - P(s_t)) for one episode with its terminal potential given: the
 * plain formula of section 5.3, [T+1] potentials to [T] rewards.
 */
export function potentialDifferences<A extends FloatArray = Float32Array>(
  potentials: FloatArray,
  alpha: number,
  shapingGamma: number,
  out?: A,
): A {
  const result = output(out, potentials.length - 1)
  for (let t = 0; t < result.length; t++) {
    result[t] = alpha * (shapingGamma * at(potentials, t + 1) - at(potentials, t))
  }
  return result
}

/**
 * r'_t for every transition, [N]. Where the paper defines no terminal potential: P(s_T) = 1 on success, which is
 * what gap anchoring teaches the critic, and no auxiliary reward on the last step of a failure, whose terminal
 * state was never judged to be progress.
 *
 * @param out Written and returned when given, [N]; must not be `potentials`
 * @returns [N]
 */
export function shapedRewards<A extends FloatArray = Float32Array>(
  batch: ShapingBatch,
  options: ShapingOptions,
  out?: A,
): A {
  const { potentials, offsets, outcomes } = batch
  const { alpha, shapingGamma, positiveOnly } = options
  expectOffsets('offsets', offsets, potentials.length)
  expectLength('outcomes', outcomes, offsets.length - 1)
  const result = output(out, batch.potentials.length)
  for (let e = 0; e < outcomes.length; e++) {
    const begin = at(offsets, e)
    const last = at(offsets, e + 1) - 1
    const success = at(outcomes, e) > 0
    const shaped = success || !positiveOnly
    for (let t = begin; t <= last; t++) {
      const sparse = t === last ? at(outcomes, e) : 0
      if (!shaped || (t === last && !success)) {
        result[t] = sparse
      } else {
        const next = t === last ? 1 : at(potentials, t + 1)
        result[t] = sparse + alpha * (shapingGamma * next - at(potentials, t))
      }
    }
  }
  return result
}
