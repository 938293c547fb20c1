/**
 * Error rates per verdict from how good a checker is said to be per trajectory. The paper measures a trajectory's
 * final z: "all K reached" predicts success with recall 0.60 and precision 0.79 (section 5.1). Between that and a
 * single verdict stands accumulation: z keeps every reached verdict, so over an episode false positives pile up and
 * false negatives are made good whenever the milestone is still seen to hold later.
 *
 * For a trajectory in which milestone k holds after h_k of its T steps, with independent errors of rate a (called
 * open though it holds) and b (called reached though it does not),
 *
 *   P(z_k = 1) = 1 - a^h_k (1 - b)^(T - h_k),      P(all K) = product over k of P(z_k = 1).
 *
 * Summed over a sample of trajectories with known verdicts and outcomes this gives the expected true and false
 * positives, so recall and precision, as smooth functions of (a, b) that hold the sample's base rate, lengths and
 * partial successes. Recall falls in a, so for each b at most one a meets the recall asked for; along that curve
 * precision is searched for b.
 */
import type { NoiseRates } from './noise.ts'

export interface NoiseTarget {
  /** In (0, 1]. */
  recall: number
  precision: number
}

/** What the paper reports of its own subgoals and checker. */
export const PAPER_NOISE: NoiseTarget = { recall: 0.6032, precision: 0.7917 }

/** A trajectory with the errorless checker's verdict after every step, [T][K], and its outcome. */
export interface NoiseSample {
  reached: readonly Uint8Array[]
  success: boolean
}

export interface NoiseOptions {
  /** As the belief that will be made of the verdicts; default true. */
  monotone?: boolean
}

export interface CalibratedNoise {
  rates: NoiseRates
  /** What these rates give on the sample in expectation; what a seed gives scatters around it. */
  expected: NoiseTarget
}

/** The target cannot be met on this sample. */
export class NoiseError extends Error {
  override readonly name = 'NoiseError'
  readonly code = 'NOISE'
}

const TOLERANCE = 1e-6

/**
 * Rates whose expected recall and precision on the sample are the target's, to 1e-6.
 * @throws NoiseError when no rates are
 */
export function calibrateNoise(
  samples: readonly NoiseSample[],
  target: NoiseTarget,
  options: NoiseOptions = {},
): CalibratedNoise {
  for (const [name, value] of Object.entries(target)) {
    if (!(value > 0 && value <= 1)) {
      throw new NoiseError(`noise.${name}: expected a number above 0 and up to 1, received ${value}`)
    }
  }
  const usable = samples.filter(({ reached }) => (reached[0]?.length ?? 0) > 0)
  const successes = usable.filter(({ success }) => success).length
  if (successes === 0 || successes === usable.length) {
    throw new NoiseError(
      `noise: expected a sample with successes and failures to calibrate on, received ${successes} successes of ${usable.length} trajectories with milestones; choose another phase or split`,
    )
  }
  const counts = countsOf(usable, options)
  const agreement = (falseNegative: number, falsePositive: number) =>
    expectedOf(counts, { falseNegative, falsePositive })
  /** The a that gives the recall at this b. */
  const missesAt = (b: number) => root((a) => agreement(a, b).recall - target.recall, 0, 1)
  // Between these, some a gives the recall: from below where errors alone must raise it, to where they overshoot it.
  const least =
    agreement(0, 0).recall >= target.recall ? 0 : root((b) => target.recall - agreement(0, b).recall, 0, 1)
  const most =
    agreement(1, 1).recall <= target.recall ? 1 : root((b) => target.recall - agreement(1, b).recall, 0, 1)
  const excess = (b: number) => agreement(missesAt(b), b).precision - target.precision
  const [best, worst] = [excess(least), excess(most)]
  if (best < -TOLERANCE || worst > TOLERANCE) {
    const limits = [worst, best].map((value) => (value + target.precision).toFixed(3))
    throw new NoiseError(
      `noise: expected a precision that can be had with recall ${target.recall} on this sample (${limits.join(' to ')}), received ${target.precision}`,
    )
  }
  const falsePositive = best <= 0 ? least : worst >= 0 ? most : root(excess, least, most)
  const rates = { falseNegative: missesAt(falsePositive), falsePositive }
  return { rates, expected: expectedOf(counts, rates) }
}

/** Recall and precision of "all K reached" that these rates give on the sample in expectation. */
export function expectedNoise(
  samples: readonly NoiseSample[],
  rates: NoiseRates,
  options: NoiseOptions = {},
): NoiseTarget {
  return expectedOf(countsOf(samples, options), rates)
}

/** Trajectories that noise treats alike. */
interface VerdictCounts {
  success: boolean
  trajectories: number
  /** Per milestone: verdicts that count towards the final z, those of them that say "reached" and the others. */
  milestones: { held: number; open: number }[]
}

function countsOf(samples: readonly NoiseSample[], { monotone = true }: NoiseOptions): VerdictCounts[] {
  const groups = new Map<string, VerdictCounts>()
  for (const { reached, success } of samples) {
    const rows = monotone ? reached : reached.slice(-1)
    const milestones = Array.from({ length: reached[0]?.length ?? 0 }, (_, k) => {
      const held = rows.filter((row) => row[k]).length
      return { held, open: rows.length - held }
    })
    const key = JSON.stringify([success, milestones])
    const group = groups.get(key) ?? { success, trajectories: 0, milestones }
    group.trajectories++
    groups.set(key, group)
  }
  return [...groups.values()]
}

function expectedOf(counts: readonly VerdictCounts[], rates: NoiseRates): NoiseTarget {
  const missed = powersOf(rates.falseNegative)
  const quiet = powersOf(1 - rates.falsePositive)
  let truePositives = 0
  let falsePositives = 0
  let successes = 0
  for (const { success, trajectories, milestones } of counts) {
    let all = trajectories
    for (const { held, open } of milestones) all *= 1 - missed(held) * quiet(open)
    if (success) {
      successes += trajectories
      truePositives += all
    } else {
      falsePositives += all
    }
  }
  return { recall: truePositives / successes, precision: truePositives / (truePositives + falsePositives) }
}

/** x to whole powers, each computed once. */
function powersOf(x: number): (exponent: number) => number {
  const known = [1]
  return (exponent) => {
    while (known.length <= exponent) known.push((known.at(-1) as number) * x)
    return known[exponent] as number
  }
}

/** Where a function that begins at or above 0 and ends at or below it crosses it, by bisection. */
function root(f: (x: number) => number, low: number, high: number): number {
  let [from, to] = [low, high]
  for (let i = 0; i < 45; i++) {
    const middle = (from + to) / 2
    if (f(middle) >= 0) from = middle
    else to = middle
  }
  return (from + to) / 2
}
