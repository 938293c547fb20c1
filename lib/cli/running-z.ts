/** How unusual the newest value of a series is: its z-score against a window of those before it. */

export class RunningZ {
  readonly #window: number
  readonly #values: number[] = []

  constructor(window = 128) {
    this.#window = window
  }

  /**
   * Standard deviations between `value` and the mean of the last values before it; undefined for the first few
   * and while they do not vary.
   */
  next(value: number): number | undefined {
    const held = this.#values
    const n = held.length
    let z: number | undefined
    if (n >= 8) {
      const mean = held.reduce((sum, v) => sum + v, 0) / n
      const variance = held.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n
      // Rounding alone spreads a constant series by about one part in 1e15.
      if (variance > (1e-9 * mean) ** 2) z = (value - mean) / Math.sqrt(variance)
    }
    if (Number.isFinite(value)) {
      held.push(value)
      if (held.length > this.#window) held.shift()
    }
    return z
  }
}
