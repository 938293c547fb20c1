/**
 * How far a critic's probabilities can be believed: reliability curve and Brier score.
 * Takes pairs of prediction and target; where they come from is not its business.
 */

export interface ReliabilityBin {
  /** Mean prediction of the bin's members. */
  predicted: number
  /** Mean target of the bin's members. */
  observed: number
  count: number
}

export interface Calibration {
  /** Non-empty bins, ascending in `predicted`. */
  bins: ReliabilityBin[]
  /** Mean squared difference of prediction and target (Brier 1950); NaN without pairs. */
  brier: number
  /** Brier score of always predicting the mean target: the score to beat. */
  brierOfMean: number
  count: number
}

/**
 * Equal-width bins over [0, 1].
 *
 * @param predictions probabilities, [N]
 * @param targets outcomes 0/1 or progress labels in [0, 1], [N]
 * @throws RangeError when the two differ in length, or a number is not in [0, 1].
 */
export function calibration(
  predictions: ArrayLike<number>,
  targets: ArrayLike<number>,
  bins = 10,
): Calibration {
  const count = predictions.length
  if (targets.length !== count) {
    throw new RangeError(`targets: expected one per prediction (${count}), received ${targets.length}`)
  }
  const sums = Array.from({ length: bins }, () => ({
    predicted: 0,
    observed: 0,
    count: 0,
  }))
  let squared = 0
  let total = 0
  let totalSquares = 0
  for (let i = 0; i < count; i++) {
    const p = unit(predictions[i]!, 'predictions', i)
    const y = unit(targets[i]!, 'targets', i)
    const bin = sums[Math.min(bins - 1, Math.floor(p * bins))]!
    bin.predicted += p
    bin.observed += y
    bin.count += 1
    squared += (p - y) ** 2
    total += y
    totalSquares += y * y
  }
  const mean = total / count
  return {
    bins: sums
      .filter((bin) => bin.count > 0)
      .map((bin) => ({
        predicted: bin.predicted / bin.count,
        observed: bin.observed / bin.count,
        count: bin.count,
      })),
    brier: squared / count,
    brierOfMean: Math.max(0, totalSquares / count - mean * mean),
    count,
  }
}

function unit(value: number, name: string, index: number): number {
  if (value >= 0 && value <= 1) return value
  throw new RangeError(`${name}[${index}]: expected a number in [0, 1], received ${value}`)
}
