/**
 * Watches one actor epoch and says when to stop: Eq. 12 keeps taking probability from actions with A < 0, and
 * where it goes nobody controls. The signature of a collapse is the mean log-ratio of those actions running away
 * downwards, while that of the A > 0 actions stays near 0. Stops nothing itself.
 */
import { at, expectLength, type FloatArray, LearnError } from './arrays.ts'

export interface GuardOptions {
  /** Lowest mean log-ratio (nats per action) of A < 0 actions that is still healthy; -1.5. */
  limit: number
  /** How many of the last A < 0 actions the mean runs over: older ones saw an older policy. */
  window: number
  /** No verdict before this many. */
  minimum: number
}

export interface GuardStatistics {
  /** Mean log-ratio over the window of A < 0 actions, NaN before the first. */
  negative: number
  /** Mean log-ratio over the window of A > 0 actions, NaN before the first. */
  positive: number
  negativeCount: number
  positiveCount: number
  tripped: boolean
}

export class DriftGuard {
  readonly #options: GuardOptions
  readonly #negative: RunningMean
  readonly #positive: RunningMean
  #tripped = false

  constructor(options: GuardOptions) {
    if (!(options.minimum >= 1 && options.window >= options.minimum)) {
      throw new LearnError(
        'ERR_VALUE',
        `expected 1 <= minimum <= window for the guard, received minimum ${options.minimum}, window ${options.window}`,
      )
    }
    this.#options = options
    this.#negative = new RunningMean(options.window)
    this.#positive = new RunningMean(options.window)
  }

  /**
   * Takes the log-ratios of one update, [B], with its advantages, [B]. Once tripped stays tripped.
   * @returns the statistics after it; the caller ends the epoch when `tripped`
   */
  update(logRatios: FloatArray, advantages: FloatArray): GuardStatistics {
    expectLength('advantages', advantages, logRatios.length)
    for (let b = 0; b < logRatios.length; b++) {
      if (at(advantages, b) < 0) this.#negative.add(at(logRatios, b))
      else if (at(advantages, b) > 0) this.#positive.add(at(logRatios, b))
    }
    // A NaN mean means that the policy is already broken; !(x >= limit) trips on it.
    if (this.#negative.count >= this.#options.minimum && !(this.#negative.mean >= this.#options.limit)) {
      this.#tripped = true
    }
    return this.statistics
  }

  get statistics(): GuardStatistics {
    return {
      negative: this.#negative.mean,
      positive: this.#positive.mean,
      negativeCount: this.#negative.count,
      positiveCount: this.#positive.count,
      tripped: this.#tripped,
    }
  }
}

class RunningMean {
  readonly #ring: Float64Array
  count = 0

  constructor(window: number) {
    this.#ring = new Float64Array(window)
  }

  add(value: number): void {
    this.#ring[this.count % this.#ring.length] = value
    this.count++
  }

  get mean(): number {
    const held = Math.min(this.count, this.#ring.length)
    let sum = 0
    for (let i = 0; i < held; i++) sum += at(this.#ring, i)
    return held > 0 ? sum / held : Number.NaN
  }
}
