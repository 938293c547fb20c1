/**
 * How well a score tells positives from negatives: AUROC, exact under ties, and the curve below which it lies
 * (paper section 5.1 judges milestones with it). Knows nothing of critics or milestones.
 */
import { expectSameLength, midRanks } from './ranks.ts'

/**
 * Probability that a random positive scores above a random negative, ties counted half: the Mann-Whitney U
 * statistic over n+ n-. NaN when one class is missing.
 *
 * @param scores [N], finite
 * @param outcomes above 0 = positive, [N]
 * @throws RangeError when lengths differ or a score is not finite
 */
export function auroc(scores: ArrayLike<number>, outcomes: ArrayLike<number>): number {
  const ranks = midRanks(scores, 'scores')
  expectSameLength(scores, outcomes, 'outcomes')
  let positives = 0
  let rankSum = 0
  for (let i = 0; i < ranks.length; i++) {
    if ((outcomes[i] as number) > 0) {
      positives++
      rankSum += ranks[i] as number
    }
  }
  const negatives = ranks.length - positives
  if (positives === 0 || negatives === 0) return Number.NaN
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

export interface RocPoint {
  /** Positive is what scores at least this; null at the origin, where nothing is. */
  threshold: number | null
  /** Share of negatives called positive, and of positives. */
  falsePositiveRate: number
  truePositiveRate: number
}

/**
 * The ROC curve from (0, 0) to (1, 1), a point per distinct score; the area below it by the trapezoidal rule is the
 * AUROC. Empty when one class is missing. Arguments and errors as of {@link auroc}.
 */
export function rocCurve(scores: ArrayLike<number>, outcomes: ArrayLike<number>): RocPoint[] {
  const ranks = midRanks(scores, 'scores')
  expectSameLength(scores, outcomes, 'outcomes')
  const order = Array.from(ranks, (_, i) => i).sort((a, b) => (ranks[b] as number) - (ranks[a] as number))
  const isPositive = (i: number) => (outcomes[i] as number) > 0
  const positives = order.filter(isPositive).length
  const negatives = order.length - positives
  if (positives === 0 || negatives === 0) return []
  const points: RocPoint[] = [{ threshold: null, falsePositiveRate: 0, truePositiveRate: 0 }]
  let truePositives = 0
  order.forEach((i, seen) => {
    if (isPositive(i)) truePositives++
    const next = order[seen + 1]
    if (next !== undefined && ranks[next] === ranks[i]) return
    points.push({
      threshold: scores[i] as number,
      falsePositiveRate: (seen + 1 - truePositives) / negatives,
      truePositiveRate: truePositives / positives,
    })
  })
  return points
}
