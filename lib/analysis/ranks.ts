/** Ranks with ties, for statistics that look at order alone. */

/**
 * 1-based ranks, tied values share their mean rank.
 *
 * @throws RangeError naming `name` when a value is not finite
 */
export function midRanks(values: ArrayLike<number>, name: string): Float64Array {
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

/** Lengths of the runs of equal neighbours of a sorted sequence, runs of one included. */
export function tieLengths(sorted: ArrayLike<number>): number[] {
  const lengths: number[] = []
  for (let begin = 0; begin < sorted.length; ) {
    let end = begin + 1
    while (end < sorted.length && sorted[end] === sorted[begin]) end++
    lengths.push(end - begin)
    begin = end
  }
  return lengths
}

/** @throws RangeError naming `name` */
export function expectSameLength(a: ArrayLike<number>, b: ArrayLike<number>, name: string): void {
  if (a.length !== b.length)
    throw new RangeError(`${name}: expected ${a.length} entries, received ${b.length}`)
}
