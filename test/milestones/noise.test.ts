/** Injected noise: repeats, errs at its rates, and reaches the recall and precision it was calibrated for. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { validateMilestones } from '../../lib/analysis/validation.ts'
import { finalBelief } from '../../lib/milestones/belief.ts'
import { noisyChecker, perturb } from '../../lib/milestones/noise.ts'
import { calibrateNoise, expectedNoise, PAPER_NOISE } from '../../lib/milestones/noise-rates.ts'
import { createRng } from '../../lib/sites/rng.ts'
import { moment } from './kit.ts'

/** Trajectories that pass their four milestones in order at random times; those that pass all succeed. */
function sample(n: number, seed: number) {
  const rng = createRng(`noise-test/${seed}`)
  return Array.from({ length: n }, () => {
    const steps = 3 + rng.int(12)
    const held = new Uint8Array(4)
    let next = 0
    const reached = Array.from({ length: steps }, () => {
      if (next < 4 && rng.next() < 0.35) held[next++] = 1
      return held.slice()
    })
    return { reached, success: next === 4 }
  })
}

describe('calibration', () => {
  test.each([[{ recall: 0.9, precision: 0.95 }], [PAPER_NOISE], [{ recall: 0.4, precision: 0.6 }]])(
    'expected figures are the target: %o',
    (target) => {
      for (const monotone of [true, false]) {
        const { rates, expected } = calibrateNoise(sample(400, 1), target, { monotone })
        expect(expected.recall).toBeCloseTo(target.recall, 6)
        expect(expected.precision).toBeCloseTo(target.precision, 6)
        for (const rate of Object.values(rates)) expect(rate >= 0 && rate <= 1).toBe(true)
      }
    },
  )

  test('what a seed gives is what was expected, within its scatter', () => {
    const samples = sample(6000, 2)
    const { rates } = calibrateNoise(samples, PAPER_NOISE)
    const { exact } = validateMilestones(
      samples.map(({ reached, success }, i) => ({
        z: finalBelief(reached.map((row, t) => perturb(row, rates, { task: i, step: t + 1, seed: 5 }))),
        success,
      })),
    )
    expect(Math.abs((exact.recall ?? 0) - PAPER_NOISE.recall)).toBeLessThan(0.03)
    expect(Math.abs((exact.precision ?? 0) - PAPER_NOISE.precision)).toBeLessThan(0.03)
  })

  test('the expectation is that of the noise: against drawing it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (a, b) => {
          const reached = [Uint8Array.of(0, 1), Uint8Array.of(1, 0)]
          const samples = [
            { reached, success: true },
            { reached: reached.slice(1), success: false },
          ]
          const { recall } = expectedNoise(samples, { falseNegative: a, falsePositive: b })
          // Both milestones held once and were open once: each is missed only if both verdicts say so.
          expect(recall).toBeCloseTo((1 - a * (1 - b)) ** 2, 12)
        },
      ),
    )
  })

  test('what cannot be had is said', () => {
    expect(() => calibrateNoise(sample(50, 3), { recall: 0, precision: 0.5 })).toThrow(
      /noise\.recall: expected/,
    )
    expect(() => calibrateNoise(sample(200, 3), { recall: 0.6, precision: 0.01 })).toThrow(
      /expected a precision that can be had with recall 0\.6/,
    )
    const failures = sample(200, 3).map((own) => ({ ...own, success: false }))
    expect(() => calibrateNoise(failures, PAPER_NOISE)).toThrow(/with successes and failures/)
  })
})

describe('noise', () => {
  test('repeats for a seed, differs for tasks, milestones, steps and seeds, errs at its rates', () => {
    const rates = { falseNegative: 0.3, falsePositive: 0.1 }
    const verdicts = new Uint8Array(40).fill(1, 0, 20)
    const draw = (task: number, step: number, seed: number) => perturb(verdicts, rates, { task, step, seed })
    expect(draw(1, 1, 1)).toEqual(draw(1, 1, 1))
    for (const other of [draw(2, 1, 1), draw(1, 2, 1), draw(1, 1, 2)])
      expect(other).not.toEqual(draw(1, 1, 1))
    let [missed, invented] = [0, 0]
    for (let task = 0; task < 500; task++) {
      const drawn = draw(task, 1, 9)
      missed += drawn.slice(0, 20).filter((verdict) => verdict === 0).length
      invented += drawn.slice(20).filter((verdict) => verdict === 1).length
    }
    expect(Math.abs(missed / 10_000 - 0.3)).toBeLessThan(0.015)
    expect(Math.abs(invented / 10_000 - 0.1)).toBeLessThan(0.01)
  })

  test('wraps a checker, which does not hear what is wrongly believed', async () => {
    const inner = {
      check: async ({ before }: { before?: Uint8Array }) => {
        expect(before).toBeUndefined()
        return Uint8Array.of(1, 0)
      },
    }
    const at = moment({ before: Uint8Array.of(0, 1) })
    const check = (falseNegative: number, falsePositive: number) =>
      noisyChecker(inner, { falseNegative, falsePositive }, 1).check(at)
    expect([...(await check(0, 0))]).toEqual([1, 0])
    expect([...(await check(1, 1))]).toEqual([0, 1])
    expect(() => noisyChecker(inner, { falseNegative: 2, falsePositive: 0 }, 1)).toThrow(
      /noise\.falseNegative/,
    )
  })
})
