/**
 * The figures of an evaluation from its records: success over all tasks and over those that have a score, by column,
 * pass@k, steps and ends. Pure. What the environment broke and what nobody could score is counted apart and stands
 * in exactly one of the two denominators, by name.
 */
import { wilson } from '../analysis/interval.ts'
import { meanPassAtK } from '../analysis/passk.ts'
import type { EvaluationItem, ItemRecord } from './item.ts'

/** scored: has a verdict; unscorable: played, but nobody could say; error: the environment failed twice; open: not played. */
export type ItemState = 'scored' | 'unscorable' | 'error' | 'open'

export interface ItemOutcome {
  key: string
  index: number
  attempt: number
  state: ItemState
  success: boolean
  /** Of an episode that was played. */
  steps?: number
  end?: string
  seconds?: number
  answer?: string
  /** Broke once and was played again. */
  retried: boolean
  /** The evaluator's lines, or why there is no score. */
  details: string[]
}

export interface Success {
  successes: number
  episodes: number
  /** In [0, 1]; null without episodes. */
  rate: number | null
  /** 95%, Wilson. */
  low: number
  high: number
  /** Independent draws the interval stands on: the tasks. */
  draws: number
}

export interface Group {
  name: string
  tasks: number
  /** Every task of the group counts; without a score as not solved. */
  all: Success
  /** Only what has a score. */
  scored: Success
}

export interface Summary {
  tasks: number
  attempts: number
  counts: Record<ItemState, number> & { retried: number }
  all: Success
  scored: Success
  /** Success over all tasks, attempt by attempt. */
  byAttempt: Success[]
  /** Single-site tasks under the columns of published tables (or by site, where a suite has no such columns). */
  columns: Group[]
  /** Tasks outside the columns, by their sites. */
  others: Group[]
  /** Mean over the tasks with at least k scores; `tasks` says how many those are. */
  passAtK: { k: number; rate: number | null; tasks: number }[]
  steps: { mean: number | null; meanOfSuccesses: number | null }
  /** How played episodes ended. */
  ends: Record<string, number>
  /** Seconds of all episodes added up; they ran side by side. */
  seconds: number
}

export interface SummaryOptions {
  /** Column a task counts in; undefined = none. */
  column: (item: EvaluationItem) => string | undefined
  /** Name of the group of a task that counts in no column. */
  group: (item: EvaluationItem) => string
  /** Columns in their order, shown even when empty; others are added as they come. */
  columns?: readonly string[]
}

export function outcomes(
  items: readonly EvaluationItem[],
  records: ReadonlyMap<string, ItemRecord>,
): ItemOutcome[] {
  return items.map(({ key, index, attempt }) => {
    const record = records.get(key)
    const place = { key, index, attempt }
    if (!record) return { ...place, state: 'open', success: false, retried: false, details: [] }
    if (record.kind === 'error') {
      return { ...place, state: 'error', success: false, retried: true, details: [record.error.message] }
    }
    const { judgement, steps, end, seconds, answer } = record.episode
    const unscorable = judgement.unscorable !== undefined
    return {
      ...place,
      state: unscorable ? 'unscorable' : 'scored',
      success: !unscorable && judgement.score >= 1,
      steps: steps.length,
      end,
      seconds,
      ...(answer === undefined ? {} : { answer }),
      retried: record.retried !== undefined,
      details: unscorable ? [judgement.unscorable as string, ...judgement.details] : judgement.details,
    }
  })
}

export function summarise(
  items: readonly EvaluationItem[],
  results: readonly ItemOutcome[],
  options: SummaryOptions,
): Summary {
  const counts = { scored: 0, unscorable: 0, error: 0, open: 0, retried: 0 }
  const ends: Record<string, number> = {}
  let seconds = 0
  for (const { state, retried, end, seconds: own } of results) {
    counts[state]++
    if (retried && state !== 'error') counts.retried++
    if (end !== undefined) ends[end] = (ends[end] ?? 0) + 1
    seconds += own ?? 0
  }
  const attempts = 1 + Math.max(-1, ...items.map(({ attempt }) => attempt))
  const columnOf = new Map(items.map((item) => [item.key, options.column(item)]))
  const columns = grouped(
    results.filter(({ key }) => columnOf.get(key) !== undefined),
    ({ key }) => columnOf.get(key) as string,
    options.columns,
  )
  const groupOf = new Map(items.map((item) => [item.key, options.group(item)]))
  const others = grouped(
    results.filter(({ key }) => columnOf.get(key) === undefined),
    ({ key }) => groupOf.get(key) as string,
  )
  const played = results.flatMap(({ steps, success }) => (steps === undefined ? [] : [{ steps, success }]))
  return {
    tasks: new Set(items.map(({ index }) => index)).size,
    attempts,
    counts,
    all: success(results),
    scored: success(results.filter(({ state }) => state === 'scored')),
    byAttempt: Array.from({ length: attempts }, (_, i) =>
      success(results.filter(({ attempt }) => attempt === i)),
    ),
    columns,
    others,
    passAtK: passAtKs(results, attempts),
    steps: {
      mean: mean(played.map(({ steps }) => steps)),
      meanOfSuccesses: mean(played.filter(({ success }) => success).map(({ steps }) => steps)),
    },
    ends,
    seconds,
  }
}

/**
 * Attempts at one task are no independent draws: where there are several, a task counts as one draw with the mean of
 * its attempts, which is as wide as if they all went the same way.
 */
function success(results: readonly ItemOutcome[]): Success {
  const successes = results.filter((result) => result.success).length
  const episodes = results.length
  const tasks = perTask(results).length
  const rate = episodes > 0 ? successes / episodes : null
  const { low, high } = wilson({ successes: (rate ?? 0) * tasks, episodes: tasks })
  return { successes, episodes, rate, low, high, draws: tasks }
}

function grouped(
  results: readonly ItemOutcome[],
  name: (result: ItemOutcome) => string,
  order: readonly string[] = [],
): Group[] {
  const groups = new Map<string, ItemOutcome[]>(order.map((column) => [column, []]))
  for (const result of results) {
    const list = groups.get(name(result)) ?? []
    list.push(result)
    groups.set(name(result), list)
  }
  return [...groups].map(([column, list]) => ({
    name: column,
    tasks: perTask(list).length,
    all: success(list),
    scored: success(list.filter(({ state }) => state === 'scored')),
  }))
}

function passAtKs(results: readonly ItemOutcome[], attempts: number): Summary['passAtK'] {
  const tasks = perTask(results.filter(({ state }) => state === 'scored'))
  return Array.from({ length: attempts }, (_, i) => {
    const enough = tasks.filter((task) => task.attempts > i)
    return { k: i + 1, rate: enough.length > 0 ? meanPassAtK(enough, i + 1) : null, tasks: enough.length }
  })
}

function perTask(results: readonly ItemOutcome[]): { attempts: number; successes: number }[] {
  const tasks = new Map<number, { attempts: number; successes: number }>()
  for (const { index, success } of results) {
    const task = tasks.get(index) ?? { attempts: 0, successes: 0 }
    task.attempts++
    if (success) task.successes++
    tasks.set(index, task)
  }
  return [...tasks.values()]
}

function mean(values: readonly number[]): number | null {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null
}
