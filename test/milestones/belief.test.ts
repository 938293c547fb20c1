/** The belief vector: monotone, and never ahead of the verdicts. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { completedAt, monotoneBelief } from '../../lib/milestones/belief.ts'

const rows = (k: number) =>
  fc.array(fc.uint8Array({ minLength: k, maxLength: k, max: 1 }), { minLength: 1, maxLength: 20 })

test('once reached stays reached, and nothing is reached that no verdict said', () => {
  fc.assert(
    fc.property(rows(4), (verdicts) => {
      const z = monotoneBelief(verdicts)
      expect(z.length).toBe(verdicts.length * 4)
      for (let t = 0; t < verdicts.length; t++) {
        for (let i = 0; i < 4; i++) {
          expect(z[t * 4 + i]).toBe(verdicts.slice(0, t + 1).some((row) => row[i] === 1) ? 1 : 0)
        }
        if (t > 0) expect(completedAt(z, 4, t)).toBeGreaterThanOrEqual(completedAt(z, 4, t - 1))
      }
    }),
  )
})

test('no steps, no belief', () => {
  expect(monotoneBelief([])).toEqual(new Uint8Array(0))
})
