/**
 * The policy losses and their gradients in each token's log-probability, computed in JS: the reference of
 * native/core/objective.h, and what a user's own objective starts from. Sees logprobs, never a model.
 *
 * Shapes: B sequences (one action each), S scored tokens of all sequences end to end, `offsets` [B+1] over S.
 */
import { at, expectLength, expectOffsets, type FloatArray, LearnError, output } from './arrays.ts'

export interface ObjectiveResult {
  loss: number
  /** d loss / d logprob, [S]. */
  gradient: Float32Array
}

export interface RegressionSpec {
  /** Strength of the tie to the reference policy; |A| / beta is the log-ratio the loss asks for. */
  beta: number
  /** A_b, [B]. */
  advantages: FloatArray
  /** Log-probability of each scored token under the reference policy, [S]. */
  reference: FloatArray
  /** Weight of each sequence, [B]. */
  weights: FloatArray
  /** Divides the weighted sum; usually the sum of weights over the whole (accumulated) batch. */
  normaliser: number
  /** true: rho is the mean over an action's tokens instead of the sum. */
  lengthNormalised: boolean
}

/**
 * L = sum_b w_b (beta rho_b - A_b)^2 / normaliser, rho_b = sum_n (logp_n - ref_n)      (Eq. 12, gradient Eq. 13)
 * A sequence without scored tokens has rho = 0 and no gradient.
 */
export function regressionObjective(
  logprobs: FloatArray,
  offsets: Int32Array,
  spec: RegressionSpec,
): ObjectiveResult & { logRatios: Float32Array } {
  const { beta, advantages, reference, weights, normaliser, lengthNormalised } = spec
  const sequences = offsets.length - 1
  expectOffsets('offsets', offsets, logprobs.length)
  expectLength('reference', reference, logprobs.length)
  expectLength('advantages', advantages, sequences)
  expectLength('weights', weights, sequences)
  expectPositive('normaliser', normaliser)
  const gradient = new Float32Array(logprobs.length)
  const logRatios = new Float32Array(sequences)
  let loss = 0
  for (let b = 0; b < sequences; b++) {
    const begin = at(offsets, b)
    const end = at(offsets, b + 1)
    const share = lengthNormalised && end > begin ? 1 / (end - begin) : 1
    let rho = 0
    for (let n = begin; n < end; n++) rho += at(logprobs, n) - at(reference, n)
    rho *= share
    logRatios[b] = rho
    const residual = beta * rho - at(advantages, b)
    loss += (at(weights, b) * residual * residual) / normaliser
    gradient.fill((2 * at(weights, b) * beta * residual * share) / normaliser, begin, end)
  }
  return { loss, gradient, logRatios }
}

/**
 * L = -sum_b w_b sum_n logp_n / normaliser: advantage-weighted likelihood (KL form of Eq. 21, AWR, and cloning
 * when every weight is 1).
 */
export function weightedObjective(
  logprobs: FloatArray,
  offsets: Int32Array,
  spec: { weights: FloatArray; normaliser: number },
): ObjectiveResult {
  const { weights, normaliser } = spec
  expectOffsets('offsets', offsets, logprobs.length)
  expectLength('weights', weights, offsets.length - 1)
  expectPositive('normaliser', normaliser)
  const gradient = new Float32Array(logprobs.length)
  let loss = 0
  for (let b = 0; b < weights.length; b++) {
    const weight = at(weights, b) / normaliser
    for (let n = at(offsets, b); n < at(offsets, b + 1); n++) {
      loss -= weight * at(logprobs, n)
      gradient[n] = -weight
    }
  }
  return { loss, gradient }
}

/** L = -sum_n w_n logp_n / normaliser: supervised learning with one weight per token. */
export function nllObjective(
  logprobs: FloatArray,
  spec: { weights: FloatArray; normaliser: number },
): ObjectiveResult {
  const { weights, normaliser } = spec
  expectLength('weights', weights, logprobs.length)
  expectPositive('normaliser', normaliser)
  const gradient = new Float32Array(logprobs.length)
  let loss = 0
  for (let n = 0; n < logprobs.length; n++) {
    loss -= (at(weights, n) * at(logprobs, n)) / normaliser
    gradient[n] = -at(weights, n) / normaliser
  }
  return { loss, gradient }
}

/**
 * exp(A / beta), at most `clip` (Eq. 21). The paper does not say whether it clips; without a limit one lucky
 * action outweighs its whole batch.
 * @param out Written and returned when given; may be `advantages`
 */
export function klWeights<A extends FloatArray = Float32Array>(
  advantages: FloatArray,
  beta: number,
  clip: number,
  out?: A,
): A {
  expectPositive('beta', beta)
  expectPositive('clip', clip)
  const result = output(out, advantages.length)
  for (let i = 0; i < advantages.length; i++) result[i] = Math.min(Math.exp(at(advantages, i) / beta), clip)
  return result
}

/** Advantage-weighted regression (Peng et al. 2019): {@link klWeights} of the unshaped R_t - V(s_t). */
export function awrWeights<A extends FloatArray = Float32Array>(
  returns: FloatArray,
  values: FloatArray,
  beta: number,
  clip: number,
  out?: A,
): A {
  expectLength('values', values, returns.length)
  const result = output(out, returns.length)
  for (let i = 0; i < returns.length; i++) result[i] = at(returns, i) - at(values, i)
  return klWeights(result, beta, clip, result)
}

/** Weight 1 where A > 0, else 0: the safe side of Eq. 12, for when the negative side pushes too hard. */
export function positiveAdvantageWeights<A extends FloatArray = Float32Array>(
  advantages: FloatArray,
  out?: A,
): A {
  const result = output(out, advantages.length)
  for (let i = 0; i < advantages.length; i++) result[i] = at(advantages, i) > 0 ? 1 : 0
  return result
}

function expectPositive(name: string, value: number): void {
  if (!(value > 0)) {
    throw new LearnError('ERR_VALUE', `expected a positive number for ${name}, received ${value}`)
  }
}
