/** The arithmetic of an evaluation against numbers worked out by hand, and what counts in which denominator. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columnsOf } from '../../lib/evaluation/columns.ts'
import type { EvaluationItem } from '../../lib/evaluation/item.ts'
import { type ItemOutcome, type ItemState, summarise } from '../../lib/evaluation/summary.ts'

type Row = {
  task: number
  attempt?: number
  sites?: readonly string[]
  state?: ItemState
  success?: boolean
  steps?: number
}

function summaryOf(rows: readonly Row[]) {
  const items = rows.map(({ task, attempt = 0, sites = ['reddit'] }) => ({
    key: `${task}-${attempt}`,
    index: task,
    attempt,
    task: { sites },
  })) as unknown as EvaluationItem[]
  const results = rows.map(
    ({ task, attempt = 0, state = 'scored', success = false, steps = 4 }): ItemOutcome => {
      const played = state === 'scored' || state === 'unscorable'
      return {
        key: `${task}-${attempt}`,
        index: task,
        attempt,
        state,
        success,
        retried: false,
        details: [],
        ...(played ? { steps, end: success ? 'exit' : 'horizon', seconds: 2 } : {}),
      }
    },
  )
  const { column, group, names } = columnsOf('webarena-lite')
  return summarise(items, results, {
    column: ({ task }) => column(task),
    group: ({ task }) => group(task),
    columns: names,
  })
}

test('both denominators are stated, and what has no score is in one of them only', () => {
  const summary = summaryOf([
    { task: 0, success: true, steps: 3 },
    { task: 1, steps: 10 },
    { task: 2, state: 'error' },
    { task: 3, state: 'unscorable', steps: 5 },
    { task: 4, state: 'open' },
  ])
  expect(summary.counts).toEqual({ scored: 2, unscorable: 1, error: 1, open: 1, retried: 0 })
  expect(summary.all).toMatchObject({ successes: 1, episodes: 5, rate: 0.2 })
  // Wilson 1927 with z = 1.96: centre (1 + 1.9207) / (5 + 3.8415), half width 1.96 sqrt(0.8 + 0.9604) / 8.8415.
  expect(summary.all.low).toBeCloseTo(0.0362, 4)
  expect(summary.all.high).toBeCloseTo(0.6245, 4)
  expect(summary.scored).toMatchObject({ successes: 1, episodes: 2, rate: 0.5 })
  expect(summary.steps).toEqual({ mean: 6, meanOfSuccesses: 3 })
  expect(summary.ends).toEqual({ exit: 1, horizon: 2 })
  expect(summary.seconds).toBe(6)
})

test('the columns are those of the published tables: map with wikipedia is Map, two sites are none', () => {
  const { columns, others, all } = summaryOf([
    { task: 0, sites: ['reddit'], success: true },
    { task: 1, sites: ['shopping_admin'] },
    { task: 2, sites: ['map', 'wikipedia'], success: true },
    { task: 3, sites: ['wikipedia', 'map'] },
    { task: 4, sites: ['gitlab', 'reddit'], success: true },
    { task: 5, sites: ['reddit', 'gitlab'] },
  ])
  expect(columns.map(({ name, tasks, all: own }) => [name, tasks, own.successes])).toEqual([
    ['Reddit', 1, 1],
    ['Gitlab', 0, 0],
    ['CMS', 1, 0],
    ['Map', 2, 1],
    ['OSS', 0, 0],
  ])
  expect(columns[1]?.all.rate).toBeNull()
  expect(others.map(({ name, tasks, all: own }) => [name, tasks, own.successes])).toEqual([
    ['gitlab+reddit', 2, 1],
  ])
  expect(all).toMatchObject({ successes: 3, episodes: 6 })
})

test('pass@k is the unbiased estimate over tasks with at least k scores', () => {
  const rows = [
    // 1 of 2, 0 of 2, and a task that the environment left one attempt of.
    { task: 0, attempt: 0, success: true },
    { task: 0, attempt: 1 },
    { task: 1, attempt: 0 },
    { task: 1, attempt: 1 },
    { task: 2, attempt: 0, success: true },
    { task: 2, attempt: 1, state: 'error' as const },
  ]
  const summary = summaryOf(rows)
  expect(summary.attempts).toBe(2)
  expect(summary.passAtK).toEqual([
    { k: 1, rate: 0.5, tasks: 3 },
    { k: 2, rate: 0.5, tasks: 2 },
  ])
  expect(summary.all).toMatchObject({ successes: 2, episodes: 6, draws: 3 })
  // Wilson of 1 in 3: centre (1 + 1.9207) / (3 + 3.8415), half width 1.96 sqrt(3 * 2/9 + 0.9604) / 6.8415.
  expect(summary.all.low).toBeCloseTo(0.0615, 4)
  expect(summary.all.high).toBeCloseTo(0.7923, 4)
  expect(summary.byAttempt.map(({ successes, episodes }) => [successes, episodes])).toEqual([
    [2, 3],
    [0, 3],
  ])
})

describe('whatever the outcomes', () => {
  const row = fc.record({
    state: fc.constantFrom<ItemState>('scored', 'unscorable', 'error', 'open'),
    success: fc.boolean(),
    sites: fc.constantFrom(['reddit'], ['map'], ['map', 'wikipedia'], ['gitlab', 'reddit'], ['elsewhere']),
  })
  test('states add up, columns and others are everything, rates lie in their intervals', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (drawn) => {
        const rows = drawn.map((own, task) => ({
          ...own,
          task,
          success: own.success && own.state === 'scored',
        }))
        const summary = summaryOf(rows)
        const { scored, unscorable, error, open } = summary.counts
        expect(scored + unscorable + error + open).toBe(rows.length)
        const groups = [...summary.columns, ...summary.others]
        expect(groups.reduce((sum, group) => sum + group.all.episodes, 0)).toBe(rows.length)
        expect(groups.reduce((sum, group) => sum + group.scored.episodes, 0)).toBe(scored)
        for (const own of [summary.all, summary.scored, ...groups.map(({ all }) => all)]) {
          if (own.rate === null) expect(own.episodes).toBe(0)
          else expect(own.low <= own.rate && own.rate <= own.high).toBe(true)
        }
      }),
    )
  })
})
