/**
 * A checker that errs as often as a real one: each verdict is turned over by a seeded hash of task, milestone and
 * step, so that a study with noise repeats exactly. How often, is noise-rates.ts's business.
 */
import { hashUnit } from '../sites/rng.ts'
import type { MilestoneChecker } from './checker.ts'

/** Probabilities in [0, 1] that one verdict on one milestone after one step is wrong. */
export interface NoiseRates {
  /** That a milestone which holds is called open. */
  falseNegative: number
  /** That one which does not is called reached. */
  falsePositive: number
}

export interface NoisePlace {
  task: string | number
  /** From 1. */
  step: number
  seed: number
}

/** The verdicts with their errors, [K]; a pure function of its arguments. */
export function perturb(
  verdicts: Uint8Array,
  rates: NoiseRates,
  { task, step, seed }: NoisePlace,
): Uint8Array {
  return verdicts.map((verdict, k) => {
    const wrong =
      hashUnit(`noise/${seed}/${task}/${k}/${step}`) < (verdict ? rates.falseNegative : rates.falsePositive)
    return wrong === (verdict === 0) ? 1 : 0
  })
}

/** @throws RangeError when a rate is no probability */
export function noisyChecker(checker: MilestoneChecker, rates: NoiseRates, seed: number): MilestoneChecker {
  for (const [name, rate] of Object.entries(rates)) {
    if (!(rate >= 0 && rate <= 1))
      throw new RangeError(`noise.${name}: expected a probability in [0, 1], received ${rate}`)
  }
  return {
    async check(moment) {
      // What is believed so far holds errors: the checker below is to judge by itself.
      const { before: _, ...own } = moment
      const place = { task: moment.task.task_id, step: moment.actions.length, seed }
      return perturb(await checker.check(own), rates, place)
    },
  }
}
