/** Choosing tasks by id, site and whether they change anything; says so when a choice names nothing. */
import type { Task } from '../tasks/task.ts'
import { SuiteInputError } from './errors.ts'

export interface TaskFilter {
  /** Ids, or runs of integer ids: [0, "3", "10-19"]. */
  ids?: readonly (number | string)[]
  /** Tasks all of whose sites are among these. */
  sites?: readonly string[]
  /** true: only tasks that change something; false: only those that do not. */
  mutating?: boolean
  /** At most this many, from the front. */
  limit?: number
}

/** Tasks that pass, in their order. Throws when an id or a site names no task, so that a typo is no empty result. */
export function filterTasks(
  tasks: readonly Task[],
  filter: TaskFilter,
  changes: (task: Task) => boolean,
): Task[] {
  const ids = filter.ids === undefined ? undefined : matchIds(tasks, filter.ids)
  const known = new Set(tasks.flatMap((task) => task.sites))
  for (const site of filter.sites ?? []) {
    if (!known.has(site))
      throw new SuiteInputError(`no task is on the site "${site}"; choose from ${[...known].join(', ')}`)
  }
  const sites = filter.sites && new Set(filter.sites)
  const { limit = Number.POSITIVE_INFINITY } = filter
  return tasks
    .filter(
      (task) =>
        (ids === undefined || ids.has(String(task.task_id))) &&
        (sites === undefined || task.sites.every((site) => sites.has(site))) &&
        (filter.mutating === undefined || changes(task) === filter.mutating),
    )
    .slice(0, limit)
}

function matchIds(tasks: readonly Task[], wanted: readonly (number | string)[]): Set<string> {
  const known = new Set(tasks.map((task) => String(task.task_id)))
  const chosen = new Set<string>()
  for (const item of wanted) {
    const text = String(item).trim()
    const run = known.has(text) ? null : /^(\d+)-(\d+)$/.exec(text)
    if (run) {
      const [first, last] = [Number(run[1]), Number(run[2])]
      const inside = tasks.filter(
        ({ task_id: id }) => /^\d+$/.test(String(id)) && +id >= first && +id <= last,
      )
      if (inside.length === 0) throw new SuiteInputError(`no task has an id in ${text}; ${idsKnown(tasks)}`)
      for (const task of inside) chosen.add(String(task.task_id))
    } else if (known.has(text)) {
      chosen.add(text)
    } else {
      throw new SuiteInputError(`no task has the id "${text}"; ${idsKnown(tasks)}`)
    }
  }
  return chosen
}

function idsKnown(tasks: readonly Task[]): string {
  const [first, last] = [tasks[0], tasks.at(-1)]
  return first && last ? `ids go from ${first.task_id} to ${last.task_id}` : 'there are no tasks'
}
