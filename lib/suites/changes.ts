/**
 * Which shared states a task changes and which it only reads, by name of the site: from what the user says about
 * the task, else from the labels of WebArena-Lite, else from how it is evaluated.
 */
import type { Task } from '../tasks/task.ts'
import { STATELESS_SITES } from './sites.ts'
import type { TaskLabels } from './task-file.ts'

/**
 * The 62 tasks of WebArena-Lite that change their sites, as first and last ids of runs; the other 103 only look.
 * Source: the task types of https://github.com/ServiceNow/webarena-verified (mutate), on Lite's numbering.
 */
const LITE_MUTATING: readonly (readonly [number, number])[] = [
  [96, 101],
  [103, 144],
  [146, 148],
  [151, 154],
  [156, 157],
  [160, 164],
]
const LITE_TASKS = 165

/** Whether WebArena-Lite's labels know this task, and what they say; its tasks carry old_task_id. */
function liteLabel(task: Task): boolean | undefined {
  const id = task.task_id
  if (task.old_task_id === undefined || typeof id !== 'number' || id < 0 || id >= LITE_TASKS) return undefined
  return LITE_MUTATING.some(([first, last]) => first <= id && id <= last)
}

/**
 * Without a label, a task whose page contents are checked afterwards is taken to change them: on WebArena-Lite this
 * rule agrees with the labels for 152 of 165 tasks.
 */
export function mutates(task: Task, labels: TaskLabels = {}): boolean {
  return labels.mutates ?? liteLabel(task) ?? task.eval.eval_types.includes('program_html')
}

/** Names in the sense of Suite.locks and Suite.reads; a name is in one of the two at most. */
export interface Touches {
  locks: readonly string[]
  reads: readonly string[]
}

/**
 * A task that changes something is taken to change every site it names that can be changed; sites that keep nothing
 * (map, wikipedia) are always only read. Explicit labels win over the rule, each for itself.
 *
 * Shopping and Reddit share a session cookie's name, so on one host name the same browser cannot be logged in to
 * both; that concerns one episode's browser, never two episodes, and is no lock (see login.ts).
 */
export function touches(task: Task, labels: TaskLabels = {}): Touches {
  const sites = [...new Set(task.sites)]
  const locks =
    labels.locks ?? (mutates(task, labels) ? sites.filter((site) => !STATELESS_SITES.has(site)) : [])
  const reads = labels.reads ?? sites
  return { locks: [...new Set(locks)], reads: [...new Set(reads)].filter((name) => !locks.includes(name)) }
}
