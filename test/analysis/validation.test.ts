/** The figures of paper 6.2 against scipy on random traces, on the paper's own counts, and where they are undefined. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rocCurve } from '../../lib/analysis/agreement.ts'
import { kendall } from '../../lib/analysis/kendall.ts'
import { erfc, twoSidedNormal } from '../../lib/analysis/normal.ts'
import { validateMilestones } from '../../lib/analysis/validation.ts'

interface Fixture {
  scipy: string
  association: { x: number[]; y: number[]; tau: number | null; p: number | null }[]
  traces: {
    k: number
    reached: number[]
    success: number[]
    auroc: number
    tau: number | null
    p: number | null
    precision: number | null
    recall: number | null
    f1: number | null
    curve: [m: number, traces: number, successes: number][]
  }[]
  normal: [z: number, p: number][]
}
const fixture = JSON.parse(
  readFileSync(new URL('./fixtures/validation.json', import.meta.url), 'utf8'),
) as Fixture

/** Within 1e-9, absolutely and in proportion; undefined where the reference is. */
function expectSame(actual: number | null, reference: number | null): void {
  if (reference === null || actual === null || Number.isNaN(actual)) {
    expect(Number.isNaN(actual) ? null : actual).toBe(reference)
    return
  }
  expect(Math.abs(actual - reference)).toBeLessThanOrEqual(1e-9 * Math.min(1, Math.abs(reference)) + 1e-300)
}

const traceOf = (reached: number, k: number, success: boolean) => ({
  z: Array.from({ length: k }, (_, i) => (i < reached ? 1 : 0)),
  success,
})

describe(`scipy ${fixture.scipy}`, () => {
  test('tau-b and its p-value, exact and asymptotic', () => {
    for (const { x, y, tau, p } of fixture.association) {
      const own = kendall(x, y)
      expectSame(own.tau, tau)
      expectSame(own.p, p)
    }
    const methods = new Set(fixture.association.map(({ x, y }) => kendall(x, y).method))
    expect(methods).toEqual(new Set(['exact', 'asymptotic']))
  })
  test('validation of whole sets of traces', () => {
    for (const { k, reached, success, curve, ...own } of fixture.traces) {
      const result = validateMilestones(reached.map((m, i) => traceOf(m, k, success[i] === 1)))
      expectSame(result.auroc, own.auroc)
      expectSame(result.kendall.tau, own.tau)
      expectSame(result.kendall.p, own.p)
      expectSame(result.exact.precision, own.precision)
      expectSame(result.exact.recall, own.recall)
      expectSame(result.exact.f1, own.f1)
      expect(result.curve.map((group) => [group.reached, group.traces, group.successes])).toEqual(curve)
    }
  })
  test('normal tails, near and far', () => {
    for (const [z, p] of fixture.normal) {
      expectSame(twoSidedNormal(z), p)
      expectSame(twoSidedNormal(-z), p)
    }
    expect(erfc(-1) + erfc(1)).toBeCloseTo(2, 14)
    expect(erfc(Number.NaN)).toBeNaN()
  })
})

test("the paper's precision, recall and F1 from counts that give them", () => {
  const traces = [
    ...Array.from({ length: 38 }, () => traceOf(4, 4, true)),
    ...Array.from({ length: 10 }, () => traceOf(4, 4, false)),
    ...Array.from({ length: 25 }, () => traceOf(3, 4, true)),
    ...Array.from({ length: 92 }, (_, i) => traceOf(i % 4, 4, false)),
  ]
  const { exact, traces: n, successes } = validateMilestones(traces)
  expect([n, successes]).toEqual([165, 63])
  expect(exact).toMatchObject({
    truePositives: 38,
    falsePositives: 10,
    falseNegatives: 25,
    trueNegatives: 92,
  })
  expect(exact.precision?.toFixed(4)).toBe('0.7917')
  expect(exact.recall?.toFixed(4)).toBe('0.6032')
  expect(exact.f1?.toFixed(4)).toBe('0.6847')
})

test('monotonicity is said of the shares that occur', () => {
  const rates = (...successes: number[]) =>
    validateMilestones(
      successes.flatMap((count, m) => Array.from({ length: 4 }, (_, i) => traceOf(m, 4, i < count))),
    ).monotone
  expect(rates(0, 1, 2, 3, 4)).toBe('strictly increasing')
  expect(rates(0, 1, 1, 3)).toBe('never decreasing')
  expect(rates(1, 0, 4)).toBe('not monotone')
  expect(rates(2)).toBeNull()
})

test('tasks that differ in K are compared by the share reached', () => {
  const { curve, milestones, exact } = validateMilestones([
    traceOf(1, 2, false),
    traceOf(2, 4, true),
    traceOf(3, 3, true),
  ])
  expect(milestones).toEqual([2, 3, 4])
  expect(curve).toMatchObject([
    { share: 0.5, traces: 2, successes: 1 },
    { share: 1, traces: 1, successes: 1 },
  ])
  expect(curve[0]).not.toHaveProperty('reached')
  expect(exact).toMatchObject({ precision: 1, recall: 0.5 })
})

test('undefined figures are null, in JSON too', () => {
  const result = validateMilestones([traceOf(0, 4, false), traceOf(1, 4, false)])
  expect(result).toMatchObject({ auroc: null, roc: [], kendall: { tau: null, p: null } })
  expect(result.exact).toMatchObject({ precision: null, recall: null, f1: null })
  expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  expect(() => validateMilestones([])).toThrow(/at least one trajectory/)
  expect(() => validateMilestones([{ z: [], success: true }])).toThrow(/traces\[0\]\.z/)
})

test('the area below the ROC curve is the AUROC', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), fc.boolean()), { minLength: 2, maxLength: 60 }), (pairs) => {
      const traces = pairs.map(([m, success]) => traceOf(m, 4, success))
      const { auroc, roc } = validateMilestones(traces)
      if (auroc === null) {
        expect(roc).toEqual([])
        return
      }
      let area = 0
      roc.slice(1).forEach((point, i) => {
        const before = roc[i] as typeof point
        const width = point.falsePositiveRate - before.falsePositiveRate
        area += (width * (point.truePositiveRate + before.truePositiveRate)) / 2
      })
      expect(area).toBeCloseTo(auroc, 12)
      expect(roc.at(-1)).toMatchObject({ falsePositiveRate: 1, truePositiveRate: 1 })
    }),
  )
  expect(rocCurve([1, 1], [1, 1])).toEqual([])
})
