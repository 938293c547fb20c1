/**
 * How well a score agrees with an outcome or with another score: AUROC and Kendall's tau-b, both exact under ties
 * (paper section 5.1 judges milestones with them). Knows nothing of critics or milestones.
 */

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

/**
 * Kendall's tau-b in [-1, 1] (the variant for ties, scipy's default), in O(N log N) after Knight (1966). NaN when
 * either vector is constant.
 *
 * @throws RangeError when lengths differ or a value is not finite
 */
export function kendallTauB(x: ArrayLike<number>, y: ArrayLike<number>): number {
  expectSameLength(x, y, 'y')
  const n = x.length
  const xs = midRanks(x, 'x')
  const ys = midRanks(y, 'y')
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => (xs[a] as number) - (xs[b] as number) || (ys[a] as number) - (ys[b] as number),
  )
  const tiedX = tiedPairs(order.map((i) => xs[i] as number))
  const tiedBoth = tiedPairs(order.map((i) => (xs[i] as number) * (2 * n + 1) + (ys[i] as number)))
  const inOrder = Float64Array.from(order, (i) => ys[i] as number)
  const discordant = inversions(inOrder)
  // inversions() has sorted it.
  const tiedY = tiedPairs(inOrder)
  const pairs = (n * (n - 1)) / 2
  const concordantMinusDiscordant = pairs - tiedX - tiedY + tiedBoth - 2 * discordant
  const scale = Math.sqrt((pairs - tiedX) * (pairs - tiedY))
  return scale > 0 ? concordantMinusDiscordant / scale : Number.NaN
}

/** 1-based ranks, tied values share their mean rank. */
function midRanks(values: ArrayLike<number>, name: string): Float64Array {
  const n = values.length
  const order = Array.from({ length: n }, (_, i) => i)
  for (const i of order) {
    if (!Number.isFinite(values[i]))
      throw new RangeError(`${name}[${i}]: expected a finite number, received ${values[i]}`)
  }
  order.sort((a, b) => (values[a] as number) - (values[b] as number))
  const ranks = new Float64Array(n)
  for (let begin = 0; begin < n; ) {
    let end = begin + 1
    while (end < n && values[order[end] as number] === values[order[begin] as number]) end++
    for (let i = begin; i < end; i++) ranks[order[i] as number] = (begin + 1 + end) / 2
    begin = end
  }
  return ranks
}

/** Pairs of equal neighbours' runs in a sorted sequence. */
function tiedPairs(sorted: ArrayLike<number>): number {
  let pairs = 0
  for (let begin = 0; begin < sorted.length; ) {
    let end = begin + 1
    while (end < sorted.length && sorted[end] === sorted[begin]) end++
    pairs += ((end - begin) * (end - begin - 1)) / 2
    begin = end
  }
  return pairs
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

function expectSameLength(a: ArrayLike<number>, b: ArrayLike<number>, name: string): void {
  if (a.length !== b.length)
    throw new RangeError(`${name}: expected ${a.length} entries, received ${b.length}`)
}
