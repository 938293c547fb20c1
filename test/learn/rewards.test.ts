/** Shaping, returns and advantages against reference vectors 2 and 3, and the identities they must satisfy. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { advantageStatistics, scaleToUnitStd, shapedAdvantages } from '../../lib/learn/advantage.ts'
import { offsetsOf } from '../../lib/learn/arrays.ts'
import { progressLabels } from '../../lib/learn/labels.ts'
import { discountedReturns } from '../../lib/learn/returns.ts'
import { potentialDifferences, shapedRewards } from '../../lib/learn/shaping.ts'

const PAPER = { alpha: 0.3, shapingGamma: 1, positiveOnly: false }
const ONE = Int32Array.of(0, 9)
const keys = [2, 4, 6]
const z = Array.from({ length: 9 }, (_, i) => Uint8Array.from(keys, (t) => (i + 1 >= t ? 1 : 0)))
const labels = progressLabels(z, 3, true) as Float32Array

function expectClose(actual: ArrayLike<number>, expected: number[]) {
  expect(actual).toHaveLength(expected.length)
  expected.forEach((value, i) => {
    expect(actual[i], `entry ${i}`).toBeCloseTo(value, 4)
  })
}

describe('reference vectors 2 and 3: P = p*, alpha .3, gamma .9, success after 9 steps', () => {
  const batch = { potentials: labels.subarray(0, 9), offsets: ONE, outcomes: [1] }
  const rewards = shapedRewards(batch, PAPER)
  const returns = discountedReturns(rewards, ONE, 0.9)
  const values = new Float32Array(9).fill(0.5)

  test('shaped rewards', () => {
    expectClose(rewards, [0.05, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02, 1.02])
  })
  test('shaped and sparse returns', () => {
    expectClose(returns, [0.6562, 0.6735, 0.6928, 0.7142, 0.738, 0.7978, 0.8642, 0.938, 1.02])
    const sparse = shapedRewards(batch, { ...PAPER, alpha: 0 })
    expectClose(
      discountedReturns(sparse, ONE, 0.9),
      [0.4305, 0.4783, 0.5314, 0.5905, 0.6561, 0.729, 0.81, 0.9, 1],
    )
  })
  test('mixed advantages', () => {
    const advantages = shapedAdvantages(
      { rewards, returns, values, offsets: ONE },
      { gamma: 0.9, lambda: 0.5 },
    )
    expectClose(advantages, [0.0781, 0.0868, 0.0964, 0.1071, 0.104, 0.1339, 0.1671, 0.204, 0.52])
  })
  test('TD advantages show the bias of an undiscounted value', () => {
    const advantages = shapedAdvantages({ rewards, returns, values, offsets: ONE }, { gamma: 0.9, lambda: 1 })
    expectClose(advantages, [0, 0, 0, 0, -0.03, -0.03, -0.03, -0.03, 0.52])
  })
})

describe('terminal rules', () => {
  const potentials = Float32Array.of(0.2, 0.5, 0.7, 0.1, 0.4)
  const offsets = Int32Array.of(0, 3, 5)
  test('success ends at potential 1, failure pays nothing on its last step', () => {
    expectClose(
      shapedRewards({ potentials, offsets, outcomes: [1, 0] }, { ...PAPER, alpha: 1 }),
      [0.3, 0.2, 1.3, 0.3, 0],
    )
  })
  test('positiveOnly leaves failures their sparse reward', () => {
    expectClose(
      shapedRewards({ potentials, offsets, outcomes: [1, 0] }, { ...PAPER, alpha: 1, positiveOnly: true }),
      [0.3, 0.2, 1.3, 0, 0],
    )
  })
  test('shapingGamma discounts the successor only', () => {
    const rewards = shapedRewards({ potentials, offsets, outcomes: [1, 0] }, { ...PAPER, shapingGamma: 0.9 })
    expect(rewards[0]).toBeCloseTo(0.3 * (0.9 * 0.5 - 0.2), 6)
    expect(rewards[2]).toBeCloseTo(1 + 0.3 * (0.9 - 0.7), 6)
  })
})

/** Episodes with potentials, values and outcomes, end to end. */
const batches = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()), { minLength: 1, maxLength: 6 })
  .chain((episodes) => {
    const offsets = offsetsOf(episodes.map(([steps]) => steps))
    const n = offsets.at(-1) as number
    const unit = fc.float64Array({ minLength: n, maxLength: n, min: 0, max: 1, noNaN: true })
    return fc.record({
      offsets: fc.constant(offsets),
      outcomes: fc.constant(episodes.map(([, success]) => Number(success))),
      potentials: unit,
      values: unit,
    })
  })

test('auxiliary rewards telescope to alpha (P(s_T) - P(s_0)) when undiscounted', () => {
  fc.assert(
    fc.property(
      batches,
      fc.double({ min: 0, max: 2, noNaN: true }),
      ({ offsets, outcomes, potentials }, alpha) => {
        const rewards = shapedRewards(
          { offsets, outcomes, potentials },
          { ...PAPER, alpha },
          new Float64Array(potentials.length),
        )
        outcomes.forEach((outcome, e) => {
          const [begin, end] = [offsets[e] as number, offsets[e + 1] as number]
          const sum = rewards.subarray(begin, end).reduce((a, b) => a + b, 0)
          const terminal = outcome === 1 ? 1 : (potentials[end - 1] as number)
          expect(sum - outcome).toBeCloseTo(alpha * (terminal - (potentials[begin] as number)), 9)
        })
      },
    ),
  )
})

test('discounted auxiliary rewards telescope under discounting: sum gamma^t F_t = alpha (gamma^T P_T - P_0)', () => {
  const cases = fc.tuple(
    fc.float64Array({ minLength: 2, maxLength: 15, min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  fc.assert(
    fc.property(cases, ([potentials, gamma]) => {
      const steps = potentials.length - 1
      const aux = potentialDifferences(potentials, 0.3, gamma, new Float64Array(steps))
      const [first] = discountedReturns(aux, Int32Array.of(0, steps), gamma, new Float64Array(steps))
      const expected = 0.3 * (gamma ** steps * (potentials[steps] as number) - (potentials[0] as number))
      expect(first).toBeCloseTo(expected, 9)
    }),
  )
})

test('returns satisfy their recursion and never cross an episode border', () => {
  fc.assert(
    fc.property(batches, ({ offsets, potentials: rewards }) => {
      const returns = discountedReturns(rewards, offsets, 0.9, new Float64Array(rewards.length))
      for (let e = 0; e + 1 < offsets.length; e++) {
        const end = offsets[e + 1] as number
        for (let t = offsets[e] as number; t < end; t++) {
          const next = t + 1 < end ? (returns[t + 1] as number) : 0
          expect(returns[t]).toBeCloseTo((rewards[t] as number) + 0.9 * next, 12)
        }
      }
      expect([...discountedReturns(rewards, offsets, 0.9, rewards)]).toEqual([...returns])
    }),
  )
})

test('the advantage is linear in lambda, and a perfect value with gamma 1 leaves none', () => {
  fc.assert(
    fc.property(
      batches,
      fc.double({ min: 0, max: 1, noNaN: true }),
      ({ offsets, outcomes, potentials, values }, lambda) => {
        const n = values.length
        const rewards = shapedRewards({ offsets, outcomes, potentials }, PAPER, new Float64Array(n))
        const returns = discountedReturns(rewards, offsets, 1, new Float64Array(n))
        const at = (l: number, v: Float64Array) =>
          shapedAdvantages(
            { rewards, returns, values: v, offsets },
            { gamma: 1, lambda: l },
            new Float64Array(n),
          )
        const [td, mc, mixed, perfect] = [
          at(1, values),
          at(0, values),
          at(lambda, values),
          at(lambda, returns as Float64Array),
        ]
        for (let t = 0; t < n; t++) {
          expect(mixed[t]).toBeCloseTo(lambda * (td[t] as number) + (1 - lambda) * (mc[t] as number), 12)
          expect(perfect[t]).toBeCloseTo(0, 12)
        }
      },
    ),
  )
})

test('with gamma 1 TD advantages sum to the return minus the first value', () => {
  fc.assert(
    fc.property(batches, ({ offsets, potentials: rewards, values }) => {
      const n = values.length
      const returns = discountedReturns(rewards, offsets, 1, new Float64Array(n))
      const td = shapedAdvantages(
        { rewards, returns, values, offsets },
        { gamma: 1, lambda: 1 },
        new Float64Array(n),
      )
      for (let e = 0; e + 1 < offsets.length; e++) {
        const [begin, end] = [offsets[e] as number, offsets[e + 1] as number]
        const sum = td.subarray(begin, end).reduce((a, b) => a + b, 0)
        expect(sum).toBeCloseTo((returns[begin] as number) - (values[begin] as number), 9)
      }
    }),
  )
})

test('unit-std scaling keeps signs and the ratio of any two', () => {
  const advantages = Float64Array.of(0.3, -0.1, 0.05, -0.6)
  const scaled = scaleToUnitStd(advantages, new Float64Array(4))
  expect(advantageStatistics(scaled).std).toBeCloseTo(1, 9)
  scaled.forEach((a, i) => {
    expect(Math.sign(a)).toBe(Math.sign(advantages[i] as number))
  })
  expect((scaled[0] as number) / (scaled[1] as number)).toBeCloseTo(-3, 9)
  expect([...scaleToUnitStd(Float32Array.of(0.5, 0.5), new Float32Array(2))]).toEqual([0.5, 0.5])
  expect(advantageStatistics(new Float32Array(0))).toEqual({ mean: 0, std: 0, positive: 0 })
})

test('functions write into views without touching what surrounds them', () => {
  const memory = new Float32Array(8).fill(7)
  const view = memory.subarray(2, 6)
  shapedRewards(
    { potentials: Float32Array.of(0, 0.5, 0, 0.5), offsets: Int32Array.of(0, 2, 4), outcomes: [1, 1] },
    PAPER,
    view,
  )
  expect([...memory.subarray(0, 2), ...memory.subarray(6)]).toEqual([7, 7, 7, 7])
  expect(view[1]).toBeCloseTo(1.15, 6)
})

test('bad shapes and ranges are named', () => {
  const potentials = new Float32Array(3)
  expect(() => shapedRewards({ potentials, offsets: Int32Array.of(0, 2), outcomes: [1] }, PAPER)).toThrow(
    /offsets to run from 0 to 3/,
  )
  expect(() => shapedRewards({ potentials, offsets: Int32Array.of(0, 3), outcomes: [] }, PAPER)).toThrow(
    /1 entries for outcomes/,
  )
  expect(() => discountedReturns(potentials, Int32Array.of(0, 2, 1, 3), 0.9)).toThrow(/falls at entry 2/)
  expect(() => discountedReturns(potentials, Int32Array.of(0, 3), 1.1)).toThrow(
    /\[0, 1\] for gamma, received 1.1/,
  )
})
