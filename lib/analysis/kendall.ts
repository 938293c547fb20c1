/**
 * Kendall's tau-b and the probability of one as large without association, as scipy.stats.kendalltau computes them
 * (variant "b", method "auto"): exact without ties and with few entries, else by the normal approximation for ties.
 */
import { twoSidedNormal } from './normal.ts'
import { expectSameLength, midRanks, tieLengths } from './ranks.ts'

export interface Kendall {
  /** In [-1, 1]; NaN when either vector is constant. */
  tau: number
  /** Two-sided; NaN with tau. */
  p: number
  method: 'exact' | 'asymptotic'
}

/**
 * Kendall's tau-b in [-1, 1] (the variant for ties), in O(N log N) after Knight (1966). NaN when either vector is
 * constant.
 *
 * @throws RangeError when lengths differ or a value is not finite
 */
export function kendallTauB(x: ArrayLike<number>, y: ArrayLike<number>): number {
  return tauOf(countPairs(x, y))
}

/**
 * Tau-b with its two-sided p-value. Source: M. G. Kendall, Rank Correlation Methods, 4th ed., 1970; the rule that
 * chooses the method is scipy's.
 *
 * @throws RangeError when lengths differ or a value is not finite
 */
export function kendall(x: ArrayLike<number>, y: ArrayLike<number>): Kendall {
  const counts = countPairs(x, y)
  const { n, pairs, discordant, tiesX, tiesY } = counts
  const tau = tauOf(counts)
  if (Number.isNaN(tau)) return { tau, p: Number.NaN, method: 'asymptotic' }
  const fewer = Math.min(discordant, pairs - discordant)
  if (tiesX.pairs === 0 && tiesY.pairs === 0 && (n <= LARGEST_EXACT || fewer <= 1)) {
    return { tau, p: exactP(n, fewer), method: 'exact' }
  }
  const m = n * (n - 1)
  const variance =
    (m * (2 * n + 5) - tiesX.third - tiesY.third) / 18 +
    (2 * tiesX.pairs * tiesY.pairs) / m +
    (tiesX.triples * tiesY.triples) / (9 * m * (n - 2))
  return { tau, p: twoSidedNormal(scoreOf(counts) / Math.sqrt(variance)), method: 'asymptotic' }
}

const LARGEST_EXACT = 33

interface Ties {
  /** Sum of t (t - 1) / 2 over groups of t equal values. */
  pairs: number
  /** Sum of t (t - 1) (t - 2). */
  triples: number
  /** Sum of t (t - 1) (2 t + 5). */
  third: number
}

interface Pairs {
  n: number
  pairs: number
  discordant: number
  tiesX: Ties
  tiesY: Ties
  tiedInBoth: number
}

function countPairs(x: ArrayLike<number>, y: ArrayLike<number>): Pairs {
  expectSameLength(x, y, 'y')
  const n = x.length
  const xs = midRanks(x, 'x')
  const ys = midRanks(y, 'y')
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => (xs[a] as number) - (xs[b] as number) || (ys[a] as number) - (ys[b] as number),
  )
  const tiesX = tiesOf(order.map((i) => xs[i] as number))
  const both = tiesOf(order.map((i) => (xs[i] as number) * (2 * n + 1) + (ys[i] as number)))
  const inOrder = Float64Array.from(order, (i) => ys[i] as number)
  const discordant = inversions(inOrder)
  // inversions() has sorted it.
  const tiesY = tiesOf(inOrder)
  return { n, pairs: (n * (n - 1)) / 2, discordant, tiesX, tiesY, tiedInBoth: both.pairs }
}

/** Concordant minus discordant pairs. */
function scoreOf({ pairs, discordant, tiesX, tiesY, tiedInBoth }: Pairs): number {
  return pairs - tiesX.pairs - tiesY.pairs + tiedInBoth - 2 * discordant
}

function tauOf(counts: Pairs): number {
  const { pairs, tiesX, tiesY } = counts
  if (tiesX.pairs === pairs || tiesY.pairs === pairs) return Number.NaN
  const tau = scoreOf(counts) / Math.sqrt(pairs - tiesX.pairs) / Math.sqrt(pairs - tiesY.pairs)
  return Math.max(-1, Math.min(1, tau))
}

function tiesOf(sorted: ArrayLike<number>): Ties {
  const ties = { pairs: 0, triples: 0, third: 0 }
  for (const t of tieLengths(sorted)) {
    ties.pairs += (t * (t - 1)) / 2
    ties.triples += t * (t - 1) * (t - 2)
    ties.third += t * (t - 1) * (2 * t + 5)
  }
  return ties
}

/** Two-sided probability of at most `fewer` discordant (or concordant) pairs among permutations of n. */
function exactP(n: number, fewer: number): number {
  if (n <= 2 || 4 * fewer === n * (n - 1)) return 1
  if (fewer === 0) return 2 / factorial(n)
  if (fewer === 1) return 2 / factorial(n - 1)
  // counts[d]: permutations of j entries with d inversions, built up one entry at a time.
  const counts = new Float64Array(fewer + 1)
  counts[0] = counts[1] = 1
  for (let j = 3; j <= n; j++) {
    for (let d = 1; d <= fewer; d++) counts[d] = (counts[d] as number) + (counts[d - 1] as number)
    for (let d = fewer; d >= j; d--) counts[d] = (counts[d] as number) - (counts[d - j] as number)
  }
  return Math.min(1, (2 * counts.reduce((sum, count) => sum + count, 0)) / factorial(n))
}

/** Infinity beyond 170, where the probability is 0 in doubles. */
function factorial(n: number): number {
  let product = 1
  for (let i = 2; i <= n; i++) product *= i
  return product
}

/** Pairs i < j with values[i] > values[j]; sorts `values` in place (bottom-up merge sort). */
function inversions(values: Float64Array): number {
  const n = values.length
  const merged = new Float64Array(n)
  let count = 0
  for (let width = 1; width < n; width *= 2) {
    for (let left = 0; left < n; left += 2 * width) {
      const middle = Math.min(left + width, n)
      const right = Math.min(left + 2 * width, n)
      let i = left
      let j = middle
      for (let k = left; k < right; k++) {
        if (i < middle && (j >= right || (values[i] as number) <= (values[j] as number))) {
          merged[k] = values[i++] as number
        } else {
          merged[k] = values[j++] as number
          count += middle - i
        }
      }
    }
    values.set(merged)
  }
  return count
}
