/**
 * Targets and weights of the two critics for a flat batch of episodes, as rows [value, potential] of
 * CriticStepSpec. The value critic learns the outcome in every state (Eq. 4); the potential critic learns p* in
 * states of successful episodes only (Eq. 3, Alg. 3).
 */
import type { CriticStepSpec } from '../native/types.ts'
import { at, expectLength, expectOffsets, type FloatArray, LearnError, output } from './arrays.ts'

/** Order of the heads in every row of targets, weights and scores. */
export const CRITIC_HEADS = ['value', 'potential'] as const
export const CRITIC_LOSSES: CriticStepSpec['losses'] = ['bce', 'mse']
const M = CRITIC_HEADS.length

export interface CriticTargets {
  /** [N, 2] */
  targets: Float32Array
  /** [N, 2]; 0 = this head does not learn from this state. */
  weights: Float32Array
}

export interface CriticEpisodes {
  /** Where each episode begins, [E+1]. */
  offsets: Int32Array
  /** R in {0, 1}, [E]. */
  outcomes: ArrayLike<number>
  /** p*_0..p*_T of each episode, [T+1] (the terminal one is not a target); undefined = no labels, [E]. */
  labels: readonly (FloatArray | undefined)[]
}

/**
 * @param headWeights Weight of each head's loss: value BCE, potential MSE.
 */
export function criticTargets(
  episodes: CriticEpisodes,
  headWeights: { value: number; potential: number },
): CriticTargets {
  const { offsets, outcomes, labels } = episodes
  const count = offsets.length - 1
  const total = offsets[count] ?? 0
  expectOffsets('offsets', offsets, total)
  expectLength('outcomes', outcomes, count)
  expectLength('labels', labels, count)
  const targets = new Float32Array(total * M)
  const weights = new Float32Array(total * M)
  for (let e = 0; e < count; e++) {
    const begin = at(offsets, e)
    const steps = at(offsets, e + 1) - begin
    const outcome = at(outcomes, e)
    if (outcome !== 0 && outcome !== 1) {
      throw new LearnError('ERR_VALUE', `expected 0 or 1 for outcomes[${e}], received ${outcome}`)
    }
    const progress = outcome === 1 ? labels[e] : undefined
    if (progress) expectLength(`labels[${e}]`, progress, steps + 1)
    for (let t = 0; t < steps; t++) {
      const row = (begin + t) * M
      targets[row] = outcome
      weights[row] = headWeights.value
      if (progress) {
        targets[row + 1] = at(progress, t)
        weights[row + 1] = headWeights.potential
      }
    }
  }
  return { targets, weights }
}

/** The rows of one minibatch, and the sum over heads of trained rows' share that keeps steps comparable. */
export function criticSpec(all: CriticTargets, rows: Int32Array): CriticStepSpec {
  return {
    targets: gatherRows(all.targets, M, rows),
    weights: gatherRows(all.weights, M, rows),
    losses: [...CRITIC_LOSSES],
    normaliser: Math.max(rows.length, 1),
  }
}

/** Rows of a row-major matrix [N, width], in the given order. */
export function gatherRows(source: FloatArray, width: number, rows: Int32Array): Float32Array {
  const out = new Float32Array(rows.length * width)
  for (let i = 0; i < rows.length; i++) {
    const begin = at(rows, i) * width
    out.set(source.subarray(begin, begin + width), i * width)
  }
  return out
}

/** sigmoid of one head's raw scores, [N, 2] to [N]. */
export function headProbabilities<A extends FloatArray = Float32Array>(
  scores: FloatArray,
  head: (typeof CRITIC_HEADS)[number],
  out?: A,
): A {
  const column = CRITIC_HEADS.indexOf(head)
  const result = output(out, scores.length / M)
  for (let i = 0; i < result.length; i++) result[i] = 1 / (1 + Math.exp(-at(scores, i * M + column)))
  return result
}
