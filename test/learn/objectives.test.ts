/** Policy losses against reference vector 4, finite differences, and their optima. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  awrWeights,
  klWeights,
  nllObjective,
  positiveAdvantageWeights,
  type RegressionSpec,
  regressionObjective,
  weightedObjective,
} from '../../lib/learn/objectives.ts'

const spec = (over: Partial<RegressionSpec> = {}): RegressionSpec => ({
  beta: 1,
  advantages: Float64Array.of(0.5),
  reference: Float64Array.of(-1, -1),
  weights: Float64Array.of(1),
  normaliser: 1,
  lengthNormalised: false,
  ...over,
})

test('reference vector 4: beta 1, log-ratio .2, A .5 gives loss .09 and slope -.6', () => {
  const { loss, gradient, logRatios } = regressionObjective(
    Float64Array.of(-0.9, -0.9),
    Int32Array.of(0, 2),
    spec(),
  )
  expect(loss).toBeCloseTo(0.09, 9)
  expect(logRatios[0]).toBeCloseTo(0.2, 6)
  expect([...gradient].map((g) => Number(g.toFixed(6)))).toEqual([-0.6, -0.6])
})

test('the optimum is at log-ratio A / beta', () => {
  const { loss, gradient } = regressionObjective(
    Float64Array.of(0, 0.5),
    Int32Array.of(0, 2),
    spec({ beta: 0.2 }),
  )
  expect(loss).toBeCloseTo(0, 12)
  expect(gradient[0]).toBeCloseTo(0, 6)
})

test('a sequence without scored tokens costs A^2 and moves nothing', () => {
  const { loss, gradient } = regressionObjective(
    new Float64Array(0),
    Int32Array.of(0, 0),
    spec({ reference: new Float64Array(0) }),
  )
  expect(loss).toBeCloseTo(0.25, 12)
  expect(gradient).toHaveLength(0)
})

const logprob = fc.double({ min: -4, max: 0, noNaN: true })
const cases = fc
  .array(fc.array(fc.tuple(logprob, logprob), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 })
  .chain((sequences) => {
    const flat = sequences.flat()
    const offsets = Int32Array.from([0, ...sequences.map((_, b) => sequences.slice(0, b + 1).flat().length)])
    const perSequence = (min: number, max: number) =>
      fc.float64Array({ minLength: sequences.length, maxLength: sequences.length, min, max, noNaN: true })
    return fc.record({
      logprobs: fc.constant(Float64Array.from(flat, ([p]) => p)),
      reference: fc.constant(Float64Array.from(flat, ([, p]) => p)),
      offsets: fc.constant(offsets),
      advantages: perSequence(-1, 1),
      weights: perSequence(0, 2),
      beta: fc.double({ min: 0.05, max: 2, noNaN: true }),
      lengthNormalised: fc.boolean(),
    })
  })

/** Central differences of a loss in every logprob. */
function numeric(loss: (logprobs: Float64Array) => number, at: Float64Array): number[] {
  return [...at].map((value, n) => {
    const shifted = (delta: number) => {
      const copy = at.slice()
      copy[n] = value + delta
      return loss(copy)
    }
    return (shifted(1e-5) - shifted(-1e-5)) / 2e-5
  })
}

describe('gradients agree with finite differences', () => {
  const near = (gradient: Float32Array, expected: number[]) => {
    for (const [n, value] of expected.entries()) {
      expect(Math.abs((gradient[n] as number) - value)).toBeLessThan(1e-4 * (1 + Math.abs(value)))
    }
  }
  test('regression', () => {
    fc.assert(
      fc.property(cases, ({ logprobs, offsets, ...rest }) => {
        const own = { ...rest, normaliser: 3 }
        const { gradient } = regressionObjective(logprobs, offsets, own)
        near(
          gradient,
          numeric((p) => regressionObjective(p, offsets, own).loss, logprobs),
        )
      }),
    )
  })
  test('weighted and nll', () => {
    fc.assert(
      fc.property(cases, ({ logprobs, offsets, weights, reference }) => {
        const own = { weights, normaliser: 3 }
        near(
          weightedObjective(logprobs, offsets, own).gradient,
          numeric((p) => weightedObjective(p, offsets, own).loss, logprobs),
        )
        const perToken = { weights: reference, normaliser: 3 }
        near(
          nllObjective(logprobs, perToken).gradient,
          numeric((p) => nllObjective(p, perToken).loss, logprobs),
        )
      }),
    )
  })
})

test('the normaliser makes accumulated micro-batches add up to the whole batch', () => {
  fc.assert(
    fc.property(cases, ({ logprobs, offsets, ...rest }) => {
      const whole = regressionObjective(logprobs, offsets, { ...rest, normaliser: 5 })
      let loss = 0
      for (let b = 0; b + 1 < offsets.length; b++) {
        const [begin, end] = [offsets[b] as number, offsets[b + 1] as number]
        const part = regressionObjective(logprobs.subarray(begin, end), Int32Array.of(0, end - begin), {
          ...rest,
          reference: rest.reference.subarray(begin, end),
          advantages: rest.advantages.subarray(b, b + 1),
          weights: rest.weights.subarray(b, b + 1),
          normaliser: 5,
        })
        loss += part.loss
        expect([...part.gradient]).toEqual([...whole.gradient.subarray(begin, end)])
      }
      expect(loss).toBeCloseTo(whole.loss, 9)
    }),
  )
})

test('exponential weights: exp(A / beta), clipped, never negative', () => {
  const weights = klWeights(Float64Array.of(-1, 0, 0.3, 10), 0.3, 20, new Float64Array(4))
  expect(weights[0]).toBeCloseTo(Math.exp(-1 / 0.3), 12)
  expect([weights[1], weights[3]]).toEqual([1, 20])
  expect(weights[2]).toBeCloseTo(Math.E, 12)
  const awr = awrWeights(Float64Array.of(1), Float64Array.of(0.7), 0.3, 20, new Float64Array(1))
  expect(awr[0]).toBeCloseTo(Math.E, 9)
  expect([...positiveAdvantageWeights(Float64Array.of(-0.1, 0, 0.1))]).toEqual([0, 0, 1])
})

test('bad arguments are named', () => {
  expect(() => klWeights(Float32Array.of(1), 0, 20)).toThrow(/positive number for beta, received 0/)
  expect(() => regressionObjective(Float32Array.of(1), Int32Array.of(0, 1), spec())).toThrow(
    /1 entries for reference, received 2/,
  )
  expect(() =>
    nllObjective(Float32Array.of(1), { weights: Float32Array.of(1), normaliser: Number.NaN }),
  ).toThrow(/normaliser, received NaN/)
})
