/** Progress labels against reference vector 1, the rules for odd episodes, and their invariants. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cumulativeCounts, keySteps, progressLabels } from '../../lib/learn/labels.ts'

/** z rows of states 1..T in which milestone k holds from state at[k] on. */
function rows(steps: number, at: (number | undefined)[]): Uint8Array[] {
  return Array.from({ length: steps }, (_, i) =>
    Uint8Array.from(at, (t) => (t !== undefined && i + 1 >= t ? 1 : 0)),
  )
}

function expectClose(actual: ArrayLike<number> | undefined, expected: number[], digits = 4) {
  expect(actual).toHaveLength(expected.length)
  expected.forEach((value, i) => {
    expect(actual?.[i], `entry ${i}`).toBeCloseTo(value, digits)
  })
}

describe('reference vector 1: K=3, key steps 2, 4, 6, T=9', () => {
  const z = rows(9, [2, 4, 6])
  test('with gap anchoring', () => {
    expectClose(progressLabels(z, 3, true), [0, 0.1667, 0.3333, 0.5, 0.6667, 0.7333, 0.8, 0.8667, 0.9333, 1])
  })
  test('without', () => {
    const labels = progressLabels(z, 3, true, { gapAnchoring: false })
    expect(labels?.[5]).toBeCloseTo(0.8333, 4)
    expectClose(labels?.slice(6), [1, 1, 1, 1])
  })
})

test('flat and row forms agree, out is written and returned', () => {
  const z = rows(5, [1, 3, 4])
  const flat = Uint8Array.from(z.flatMap((row) => [...row]))
  const out = new Float32Array(6)
  expect(progressLabels(flat, 3, true, {}, out)).toBe(out)
  expect([...out]).toEqual([...(progressLabels(z, 3, true) ?? [])])
})

test('a milestone seen once stays reached, whatever the order', () => {
  const z = [Uint8Array.of(0, 0, 1), Uint8Array.of(0, 0, 0), Uint8Array.of(1, 0, 0)]
  expect([...cumulativeCounts(z, 3)]).toEqual([0, 1, 1, 2])
  expect(keySteps(cumulativeCounts(z, 3))).toEqual([
    { t: 1, count: 1 },
    { t: 3, count: 2 },
  ])
})

test('several milestones on one step: the largest count, no division by zero', () => {
  expectClose(progressLabels(rows(4, [2, 2, 2, 4]), 4, true), [0, 0.375, 0.75, 0.875, 1])
  // All four at state 2, the episode ends at 4: only the last moves to the end.
  expectClose(progressLabels(rows(4, [2, 2, 2, 2]), 4, true), [0, 0.375, 0.75, 0.875, 1])
})

test('a success with missing milestones runs to 1 at its end, or is skipped', () => {
  const z = rows(4, [2, undefined, undefined, undefined])
  expectClose(progressLabels(z, 4, true), [0, 0.125, 0.25, 0.625, 1])
  expect(progressLabels(z, 4, true, { missing: 'skip' })).toBeUndefined()
})

test('a success with none seen is linear', () => {
  expectClose(progressLabels(rows(4, [undefined, undefined]), 2, true), [0, 0.25, 0.5, 0.75, 1])
})

test('a failure keeps its last level', () => {
  expectClose(progressLabels(rows(4, [2, undefined]), 2, false), [0, 0.25, 0.5, 0.5, 0.5])
  expectClose(progressLabels(rows(3, [undefined]), 1, false), [0, 0, 0, 0])
})

test('bad shapes are named', () => {
  expect(() => progressLabels(new Uint8Array(5), 2, true)).toThrow(/rows of 2, received 5/)
  expect(() => progressLabels([Uint8Array.of(1)], 2, true)).toThrow(/2 entries for z\[0\], received 1/)
  expect(() => progressLabels([], 2, true)).toThrow(/at least one step/)
  expect(() => progressLabels([], 0, true)).toThrow(/at least one milestone/)
  expect(() => progressLabels(rows(2, [1]), 1, true, {}, new Float32Array(2))).toThrow(/3 entries for out/)
})

test('labels never fall, start at 0, stay in [0, 1], and reach 1 exactly at the end of an anchored success', () => {
  const episodes = fc
    .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 6 }))
    .chain(([steps, k]) =>
      fc.tuple(fc.constant(k), fc.uint8Array({ minLength: steps * k, maxLength: steps * k, max: 1 })),
    )
  fc.assert(
    fc.property(episodes, fc.boolean(), fc.boolean(), ([k, z], success, gapAnchoring) => {
      const labels = progressLabels(z, k, success, { gapAnchoring }) as Float32Array
      expect(labels[0]).toBe(0)
      for (let t = 1; t < labels.length; t++) {
        expect(labels[t]).toBeGreaterThanOrEqual(labels[t - 1] as number)
        expect(labels[t]).toBeLessThanOrEqual(1)
      }
      if (success && gapAnchoring) {
        expect(labels.at(-1)).toBe(1)
        expect(labels.at(-2)).toBeLessThan(1)
      }
    }),
  )
})
