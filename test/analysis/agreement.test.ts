/** AUROC and Kendall's tau-b against scipy, by definition, and on hand-made ties. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { auroc } from '../../lib/analysis/agreement.ts'
import { kendallTauB } from '../../lib/analysis/kendall.ts'

interface Case {
  x: number[]
  y: number[]
  outcome: number[]
  tauB: number
  auroc: number
}
const fixture = JSON.parse(readFileSync(new URL('./fixtures/agreement.json', import.meta.url), 'utf8')) as {
  scipy: string
  cases: Case[]
}

describe(`scipy ${fixture.scipy}`, () => {
  test.each(fixture.cases.map((c) => [c.x.length, c] as const))('%i entries', (_, c) => {
    expect(kendallTauB(c.x, c.y)).toBeCloseTo(c.tauB, 12)
    expect(auroc(c.x, c.outcome)).toBeCloseTo(c.auroc, 12)
  })
})

const vectors = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })), {
    minLength: 2,
    maxLength: 30,
  })
  .map((pairs) => ({ x: pairs.map(([a]) => a), y: pairs.map(([, b]) => b) }))

test('tau-b by its definition over all pairs', () => {
  fc.assert(
    fc.property(vectors, ({ x, y }) => {
      let [score, freeX, freeY] = [0, 0, 0]
      for (let i = 0; i < x.length; i++) {
        for (let j = 0; j < i; j++) {
          const dx = Math.sign((x[i] as number) - (x[j] as number))
          const dy = Math.sign((y[i] as number) - (y[j] as number))
          score += dx * dy
          freeX += Math.abs(dx)
          freeY += Math.abs(dy)
        }
      }
      const expected = score / Math.sqrt(freeX * freeY)
      if (Number.isNaN(expected)) expect(kendallTauB(x, y)).toBeNaN()
      else expect(kendallTauB(x, y)).toBeCloseTo(expected, 12)
    }),
  )
})

test('AUROC by its definition over all positive-negative pairs, and its mirror', () => {
  fc.assert(
    fc.property(vectors, ({ x, y }) => {
      const outcomes = y.map((value) => (value > 2 ? 1 : 0))
      let [wins, pairs] = [0, 0]
      outcomes.forEach((positive, i) => {
        outcomes.forEach((other, j) => {
          if (positive !== 1 || other !== 0) return
          pairs++
          wins += (x[i] as number) > (x[j] as number) ? 1 : x[i] === x[j] ? 0.5 : 0
        })
      })
      if (pairs === 0) {
        expect(auroc(x, outcomes)).toBeNaN()
        return
      }
      expect(auroc(x, outcomes)).toBeCloseTo(wins / pairs, 12)
      expect(
        auroc(
          x.map((score) => -score),
          outcomes,
        ),
      ).toBeCloseTo(1 - wins / pairs, 12)
    }),
  )
})

test('known values', () => {
  expect(auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75)
  expect(auroc([1, 1, 1], [1, 0, 0])).toBe(0.5)
  expect(kendallTauB([1, 2, 3, 4], [1, 2, 3, 4])).toBe(1)
  expect(kendallTauB([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1)
  expect(kendallTauB([1, 1], [1, 2])).toBeNaN()
})

test('bad input is named', () => {
  expect(() => auroc([1, Number.NaN], [0, 1])).toThrow(/scores\[1\]: expected a finite number/)
  expect(() => auroc([1], [0, 1])).toThrow(/outcomes: expected 1 entries, received 2/)
  expect(() => kendallTauB([1], [1, 2])).toThrow(/y: expected 1/)
})
