/**
 * Progress labels p* in [0, 1] for every state of one episode, from what the milestone checker said after each
 * step (paper Eq. 2 and section 5.3). Decides nothing about which episodes the potential critic may learn from,
 * except that `missing: 'skip'` gives no labels to a success whose milestones were not all seen.
 */
import { at, expectLength, LearnError } from './arrays.ts'

export interface LabelOptions {
  /**
   * Moves the last milestone's time to the end of a successful episode, so that p* reaches 1 exactly where the
   * outcome is decided (paper section 5.3, A.7). Default true.
   */
  gapAnchoring?: boolean
  /** A success with unchecked milestones: interpolate from the last key step to 1 at the end, or give no labels. */
  missing?: 'anchor' | 'skip'
}

/** A state at which the cumulative count rises, and the count from there on. */
export interface KeyStep {
  /** State index t in 1..T. */
  t: number
  count: number
}

/**
 * c_t = number of milestones reached at or before state t: once reached stays reached, in any order.
 * @param z Row t-1 holds the checker's verdict on state t (after step t-1), [T, K] of 0/1, flat or as rows.
 * @returns c_0..c_T with c_0 = 0, [T+1]
 */
export function cumulativeCounts(z: Uint8Array | readonly Uint8Array[], milestones: number): Int32Array {
  const steps = rowCount(z, milestones)
  const done = new Uint8Array(milestones)
  const counts = new Int32Array(steps + 1)
  let count = 0
  for (let t = 1; t <= steps; t++) {
    for (let k = 0; k < milestones; k++) {
      if (done[k] === 0 && entry(z, t - 1, k, milestones) !== 0) {
        done[k] = 1
        count++
      }
    }
    counts[t] = count
  }
  return counts
}

/** States where c_t > c_{t-1}. Several milestones at one state give one key step with the largest count. */
export function keySteps(counts: Int32Array): KeyStep[] {
  const keys: KeyStep[] = []
  for (let t = 1; t < counts.length; t++) {
    if (at(counts, t) > at(counts, t - 1)) keys.push({ t, count: at(counts, t) })
  }
  return keys
}

/**
 * p*_0..p*_T by linear interpolation between key steps (Eq. 2), from 0 at the start.
 * On success the count is held at K-1 until the end, where it becomes K: that moves only the last milestone,
 * also when it fell together with others, when some were never seen, and when none was (then 0 to 1 over [0, T]).
 * A failure keeps its last level after the last key step; the paper trains on successes only.
 *
 * @param z [T, K], see {@link cumulativeCounts}
 * @param out Written and returned when given, [T+1]
 * @returns [T+1], or undefined when `missing: 'skip'` rules the episode out
 * @throws LearnError for an episode without steps, K < 1 or a wrong length
 */
export function progressLabels(
  z: Uint8Array | readonly Uint8Array[],
  milestones: number,
  success: boolean,
  options: LabelOptions = {},
  out?: Float32Array,
): Float32Array | undefined {
  const { gapAnchoring = true, missing = 'anchor' } = options
  const counts = cumulativeCounts(z, milestones)
  const end = counts.length - 1
  if (end < 1) throw new LearnError('ERR_SHAPE', 'expected at least one step to label, received none')
  if (success && missing === 'skip' && at(counts, end) < milestones) return undefined

  const anchors = [{ t: 0, count: 0 }]
  if (success && gapAnchoring) {
    anchors.push(...keySteps(counts.map((c) => Math.min(c, milestones - 1))).filter((key) => key.t < end))
    anchors.push({ t: end, count: milestones })
  } else {
    anchors.push(...keySteps(counts))
  }

  const labels = out ?? new Float32Array(end + 1)
  expectLength('out', labels, end + 1)
  let from = anchors[0] as KeyStep
  for (const to of anchors) {
    for (let t = from.t; t < to.t; t++) {
      const fraction = (t - from.t) / (to.t - from.t)
      labels[t] = ((1 - fraction) * from.count + fraction * to.count) / milestones
    }
    from = to
  }
  labels.fill(from.count / milestones, from.t)
  return labels
}

function rowCount(z: Uint8Array | readonly Uint8Array[], milestones: number): number {
  if (!Number.isInteger(milestones) || milestones < 1) {
    throw new LearnError('ERR_VALUE', `expected at least one milestone, received ${milestones}`)
  }
  if (z instanceof Uint8Array) {
    if (z.length % milestones !== 0) {
      throw new LearnError('ERR_SHAPE', `expected z in rows of ${milestones}, received ${z.length} entries`)
    }
    return z.length / milestones
  }
  z.forEach((row, t) => {
    expectLength(`z[${t}]`, row, milestones)
  })
  return z.length
}

function entry(z: Uint8Array | readonly Uint8Array[], row: number, k: number, milestones: number): number {
  return z instanceof Uint8Array ? at(z, row * milestones + k) : at(z[row] as Uint8Array, k)
}
