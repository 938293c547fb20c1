/** Milestone-by-step heat map against a count by hand and as a property. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { milestoneHeatMap } from '../../lib/analysis/heatmap.ts'

const trace = (...rows: number[][]) => ({ steps: rows.map((row) => ({ reached: Uint8Array.from(row) })) })

describe('milestoneHeatMap', () => {
  test('means of the monotone belief, finished episodes carried on', () => {
    const map = milestoneHeatMap([trace([1, 0], [0, 1]), trace([0, 0], [1, 0], [0, 0])])
    expect(map).toMatchObject({ steps: 3, milestones: 2, episodes: [2, 2] })
    expect([...map.cells]).toEqual([0.5, 0, 1, 0.5, 1, 0.5])
  })

  test('a milestone counts only the tasks that have it', () => {
    const map = milestoneHeatMap([trace([1]), trace([0, 1]), { steps: [] }])
    expect(map.episodes).toEqual([2, 1])
    expect([...map.cells]).toEqual([0.5, 1])
  })

  test('no episodes: an empty map', () => {
    expect(milestoneHeatMap([])).toMatchObject({ steps: 0, milestones: 0, episodes: [] })
  })

  test('cells are shares and never fall over the steps', () => {
    const row = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 3, maxLength: 3 })
    const episode = fc.array(row, { minLength: 1, maxLength: 6 }).map((rows) => trace(...rows))
    fc.assert(
      fc.property(
        fc.array(episode, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        (traces, horizon) => {
          const { cells, steps, milestones } = milestoneHeatMap(traces, horizon)
          expect(steps).toBe(horizon)
          for (let t = 0; t < steps; t++) {
            for (let k = 0; k < milestones; k++) {
              const share = cells[t * milestones + k]!
              expect(share >= 0 && share <= 1).toBe(true)
              if (t > 0) expect(share).toBeGreaterThanOrEqual(cells[(t - 1) * milestones + k]!)
            }
          }
        },
      ),
    )
  })

  test('refuses a horizon that is no positive whole number', () => {
    expect(() => milestoneHeatMap([], 0)).toThrow(
      'horizon: expected a positive whole number of steps, received 0',
    )
  })
})
