/** pass@k against reference vector 5 and by counting; paired bootstrap by coverage and symmetry. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calibration } from '../../lib/analysis/calibration.ts'
import { wilson } from '../../lib/analysis/interval.ts'
import { meanPassAtK, passAtK } from '../../lib/analysis/passk.ts'
import { pairedBootstrap, quantile } from '../../lib/analysis/statistics.ts'

describe('pass@k', () => {
  test('reference vector 5: n=8, c=3', () => {
    expect([1, 2, 4, 8].map((k) => Number(passAtK(8, 3, k).toFixed(4)))).toEqual([0.375, 0.6429, 0.9286, 1])
  })
  test('equals the share of k-subsets that hold a success', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.nat(10), fc.integer({ min: 1, max: 10 }), (n, c, k) => {
        fc.pre(c <= n && k <= n)
        let [held, all] = [0, 0]
        for (let subset = 0; subset < 1 << n; subset++) {
          let size = 0
          for (let bit = subset; bit > 0; bit &= bit - 1) size++
          if (size !== k) continue
          all++
          if ((subset & ((1 << c) - 1)) !== 0) held++
        }
        expect(passAtK(n, c, k)).toBeCloseTo(held / all, 12)
      }),
    )
  })
  test('mean over tasks, large counts do not overflow', () => {
    expect(
      meanPassAtK(
        [
          { attempts: 2, successes: 1 },
          { attempts: 4, successes: 0 },
        ],
        1,
      ),
    ).toBe(0.25)
    expect(passAtK(5000, 1, 2500)).toBeCloseTo(0.5, 9)
    expect(() => passAtK(4, 5, 1)).toThrow(/successes: expected a whole number from 0 to 4/)
    expect(() => passAtK(4, 1, 5)).toThrow(/k: expected/)
  })
})

describe('paired bootstrap', () => {
  const first = Array.from({ length: 240 }, (_, i) => (i % 2 === 0 ? 1 : 0))
  test('a constant gain has no spread', () => {
    expect(pairedBootstrap([0, 0, 0], [1, 1, 1])).toEqual({ mean: 1, low: 1, high: 1, notAbove: 0 })
    expect(pairedBootstrap(first, first, { resamples: 50 })).toEqual({
      mean: 0,
      low: 0,
      high: 0,
      notAbove: 1,
    })
  })
  test('the interval of a mean agrees with the normal approximation', () => {
    const second = first.map((score, i) => (i % 6 === 1 ? 1 : i % 12 === 0 ? 0 : score))
    const { mean, low, high } = pairedBootstrap(first, second)
    const differences = second.map((score, i) => score - (first[i] as number))
    const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / 240
    const half = 1.96 * Math.sqrt(variance / 240)
    expect(mean).toBeCloseTo(20 / 240, 12)
    expect(Math.abs(low - (mean - half))).toBeLessThan(0.01)
    expect(Math.abs(high - (mean + half))).toBeLessThan(0.01)
  })
  test('covers the truth about as often as it says', () => {
    let covered = 0
    let state = 12345
    const uniform = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    }
    for (let trial = 0; trial < 200; trial++) {
      const a = Array.from({ length: 60 }, () => (uniform() < 0.4 ? 1 : 0))
      const b = Array.from({ length: 60 }, () => (uniform() < 0.6 ? 1 : 0))
      const { low, high } = pairedBootstrap(a, b, { resamples: 400, seed: trial })
      if (low <= 0.2 + 1e-12 && 0.2 <= high + 1e-12) covered++
    }
    expect(covered).toBeGreaterThanOrEqual(178)
  })
  test('repeats for a seed, refuses what it cannot compare', () => {
    const second = first.toReversed()
    expect(pairedBootstrap(first, second, { seed: 3 })).toEqual(pairedBootstrap(first, second, { seed: 3 }))
    expect(() => pairedBootstrap([1], [])).toThrow(/second: expected one score per task \(1\), received 0/)
    expect(() => pairedBootstrap([], [])).toThrow(/at least one task/)
    expect(() => pairedBootstrap([1], [1], { level: 1 })).toThrow(/level/)
  })
})

test('quantile interpolates like numpy', () => {
  expect(quantile([0, 10, 20, 30], 0.5)).toBe(15)
  expect(quantile([0, 10, 20, 30], 0.1)).toBeCloseTo(3, 12)
  expect(quantile([], 0.5)).toBeNaN()
})

test('Wilson interval: published values', () => {
  const { low, high } = wilson({ successes: 81, episodes: 263 })
  // Newcombe 1998, table I, method 3.
  expect(low).toBeCloseTo(0.2553, 4)
  expect(high).toBeCloseTo(0.3662, 4)
  const zero = wilson({ successes: 0, episodes: 20 })
  expect(zero.low).toBe(0)
  expect(zero.high).toBeCloseTo(0.1611, 4)
  expect(wilson({ successes: 1, episodes: 29 }).low).toBeCloseTo(0.0061, 4)
})

test('calibration: bins, Brier score and the score to beat', () => {
  const { bins, brier, brierOfMean, count } = calibration([0.1, 0.1, 0.9, 1], [0, 1, 1, 1])
  expect(count).toBe(4)
  expect(bins).toHaveLength(2)
  expect(bins[0]).toMatchObject({ observed: 0.5, count: 2 })
  expect(bins[0]?.predicted).toBeCloseTo(0.1, 12)
  expect(bins[1]?.predicted).toBeCloseTo(0.95, 12)
  expect(brier).toBeCloseTo((0.01 + 0.81 + 0.01 + 0) / 4, 12)
  expect(brierOfMean).toBeCloseTo(0.75 * 0.25, 12)
})
