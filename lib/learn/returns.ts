/**
 * Discounted Monte-Carlo returns of a flat batch of episodes (paper Eq. 11). Rewards come in already shaped.
 */
import { at, expectOffsets, expectRange, type FloatArray, output } from './arrays.ts'

/**
 * G_t = sum_{u=t}^{T-1} gamma^(u-t) r'_u within each episode (Eq. 11).
 * @param rewards [N]
 * @param offsets Where each episode begins, [E+1]
 * @param out Written and returned when given, [N]; may be `rewards`
 * @returns [N]
 */
export function discountedReturns<A extends FloatArray = Float32Array>(
  rewards: FloatArray,
  offsets: Int32Array,
  gamma: number,
  out?: A,
): A {
  expectRange('gamma', gamma, 0, 1)
  expectOffsets('offsets', offsets, rewards.length)
  const result = output(out, rewards.length)
  for (let e = 0; e + 1 < offsets.length; e++) {
    let value = 0
    for (let t = at(offsets, e + 1) - 1; t >= at(offsets, e); t--) {
      value = at(rewards, t) + gamma * value
      result[t] = value
    }
  }
  return result
}
