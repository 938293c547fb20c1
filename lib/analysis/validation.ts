/**
 * Whether milestones mean anything (paper sections 5.1 and 6.2): how far "all K reached" equals success, and how
 * closely success follows the share reached. Looks at final beliefs and outcomes alone; who checked is not its
 * business.
 */
import { auroc, type RocPoint, rocCurve } from './agreement.ts'
import { wilson } from './interval.ts'
import { type Kendall, kendall } from './kendall.ts'

/** One trajectory as validation sees it. */
export interface ValidationTrace {
  /** Final belief z, [K] of 0/1; K may differ between traces, but is at least 1. */
  z: ArrayLike<number>
  success: boolean
}

/** All K reached, taken as a prediction of success. */
export interface ExactEquivalence {
  truePositives: number
  falsePositives: number
  falseNegatives: number
  trueNegatives: number
  /** In [0, 1]; null where nothing was predicted, or nothing succeeded. */
  precision: number | null
  recall: number | null
  f1: number | null
}

/** Success among traces that reached the same share of their milestones. */
export interface SuccessAtShare {
  /** Share of milestones reached, m/K. */
  share: number
  /** m; absent where traces differ in K. */
  reached?: number
  traces: number
  successes: number
  /** P(success | m), with its 95% Wilson interval. */
  rate: number
  low: number
  high: number
}

export interface Validation {
  traces: number
  successes: number
  /** Milestones per task; the distinct values, ascending. */
  milestones: number[]
  exact: ExactEquivalence
  /** Of the share reached against success; null when one outcome is missing. */
  auroc: number | null
  roc: RocPoint[]
  /** Ascending in share; shares that no trace has are left out. */
  curve: SuccessAtShare[]
  /** P(success | m) over the shares that occur; null where fewer than two do. */
  monotone: 'strictly increasing' | 'never decreasing' | 'not monotone' | null
  /** Of the share reached against success; tau and p null when either is constant. */
  kendall: { tau: number | null; p: number | null; method: Kendall['method'] }
  /** Mean share reached; null without traces of that outcome. */
  meanShare: { successes: number | null; failures: number | null }
}

/** @throws RangeError when there is no trace, or one without milestones */
export function validateMilestones(traces: readonly ValidationTrace[]): Validation {
  if (traces.length === 0) throw new RangeError('traces: expected at least one trajectory, received none')
  const counts = traces.map(({ z }, i) => {
    if (z.length === 0) throw new RangeError(`traces[${i}].z: expected at least one milestone, received none`)
    return Array.from(z).filter((reached) => reached > 0).length
  })
  const shares = traces.map(({ z }, i) => (counts[i] as number) / z.length)
  const outcomes = traces.map(({ success }) => (success ? 1 : 0))
  const { tau, p, method } = kendall(shares, outcomes)
  const curve = successByShare(traces, counts)
  return {
    traces: traces.length,
    successes: outcomes.filter((outcome) => outcome === 1).length,
    milestones: [...new Set(traces.map(({ z }) => z.length))].sort((a, b) => a - b),
    exact: exactEquivalence(shares, outcomes),
    auroc: known(auroc(shares, outcomes)),
    roc: rocCurve(shares, outcomes),
    curve,
    monotone: monotonicity(curve.map(({ rate }) => rate)),
    kendall: { tau: known(tau), p: known(p), method },
    meanShare: {
      successes: mean(shares.filter((_, i) => outcomes[i] === 1)),
      failures: mean(shares.filter((_, i) => outcomes[i] === 0)),
    },
  }
}

function exactEquivalence(shares: readonly number[], outcomes: readonly number[]): ExactEquivalence {
  const count = (all: boolean, outcome: number) =>
    shares.filter((share, i) => (share === 1) === all && outcomes[i] === outcome).length
  const truePositives = count(true, 1)
  const falsePositives = count(true, 0)
  const falseNegatives = count(false, 1)
  const trueNegatives = count(false, 0)
  return {
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives,
    precision: known(truePositives / (truePositives + falsePositives)),
    recall: known(truePositives / (truePositives + falseNegatives)),
    f1: known((2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives)),
  }
}

function successByShare(traces: readonly ValidationTrace[], counts: readonly number[]): SuccessAtShare[] {
  const sameK = traces.every(({ z }) => z.length === traces[0]?.z.length)
  const groups = new Map<number, { share: number; reached: number; traces: number; successes: number }>()
  traces.forEach(({ z, success }, i) => {
    const reached = counts[i] as number
    const share = reached / z.length
    const group = groups.get(share) ?? { share, reached, traces: 0, successes: 0 }
    group.traces++
    if (success) group.successes++
    groups.set(share, group)
  })
  return [...groups.values()]
    .sort((a, b) => a.share - b.share)
    .map(({ reached, ...group }) => {
      const { mean: rate, low, high } = wilson({ successes: group.successes, episodes: group.traces })
      return { ...group, ...(sameK ? { reached } : {}), rate, low, high }
    })
}

function monotonicity(rates: readonly number[]): Validation['monotone'] {
  if (rates.length < 2) return null
  const rises = rates.slice(1).map((rate, i) => rate - (rates[i] as number))
  if (rises.every((rise) => rise > 0)) return 'strictly increasing'
  return rises.every((rise) => rise >= 0) ? 'never decreasing' : 'not monotone'
}

function mean(values: readonly number[]): number | null {
  return known(values.reduce((sum, value) => sum + value, 0) / values.length)
}

/** null where a figure is not defined: JSON has no NaN. */
function known(value: number): number | null {
  return Number.isNaN(value) ? null : value
}
