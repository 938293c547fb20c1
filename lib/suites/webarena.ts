/**
 * Tasks in WebArena's form on the user's own sites: WebArena-Lite's raw file, single-task config files and the files
 * of the 812 original tasks. Placeholders become URLs, of the first containers or of those a schedule assigned; what
 * a task changes and where its episode may go is answered from its unfilled form.
 */
import type { Task } from '../tasks/task.ts'
import { mutates, type Touches, touches } from './changes.ts'
import { SuiteInputError } from './errors.ts'
import { filterTasks, type TaskFilter } from './filter.ts'
import { originsOf } from './origins.ts'
import { fillPlaceholders, placeholdersIn, requirePlaceholders } from './placeholders.ts'
import type { Placement } from './schedule.ts'
import { type SiteUrls, siteUrls } from './sites.ts'
import { type RawTask, readTasks, type TaskLabels } from './task-file.ts'

export interface WebArenaOptions {
  /**
   * Base URLs by site ("shopping": "http://localhost:7770"); a list gives one URL per container of the site, which
   * the schedule then uses side by side.
   */
  sites: Readonly<Record<string, string | readonly string[]>>
  filter?: TaskFilter
  /** Labels by task id, over those in the file. */
  labels?: Readonly<Record<string, TaskLabels>>
}

/** The raw file of a path as tasks on these sites. */
export async function readWebArena(path: string, options: WebArenaOptions): Promise<WebArenaTasks> {
  return new WebArenaTasks(await readTasks(path), options)
}

export class WebArenaTasks {
  /** Filled with the first container of every site. */
  readonly tasks: readonly Task[]
  /** How many containers each site has, for the schedule. */
  readonly instances: Readonly<Record<string, number>>
  readonly #urls: readonly SiteUrls[]
  readonly #sites = new WeakMap<Task, SiteUrls>()
  readonly #raw: ReadonlyMap<string, RawTask & { placeholders: ReadonlySet<string> }>

  constructor(raw: readonly RawTask[], options: WebArenaOptions) {
    this.#urls = urlsByInstance(options.sites)
    this.instances = Object.fromEntries(
      Object.entries(options.sites).map(([name, url]) => [
        name.toLowerCase(),
        typeof url === 'string' ? 1 : url.length,
      ]),
    )
    const labelled = raw.map(({ task, labels }) => ({
      task,
      labels: { ...labels, ...options.labels?.[String(task.task_id)] },
      placeholders: placeholdersIn(task),
    }))
    this.#raw = new Map(labelled.map((entry) => [String(entry.task.task_id), entry]))
    for (const { task, labels } of labelled) {
      const unknown = labels.depends_on?.find((id) => !this.#raw.has(String(id)))
      if (unknown !== undefined)
        throw new SuiteInputError(
          `task ${task.task_id} depends on task ${unknown}, which is not in the file; correct its depends_on`,
        )
    }
    const chosen = filterTasks(
      labelled.map(({ task }) => task),
      options.filter ?? {},
      (task) => mutates(task, this.#of(task).labels),
    )
    const first = this.#urls[0] as SiteUrls
    requirePlaceholders(
      chosen.map((task) => ({ id: task.task_id, placeholders: this.#of(task).placeholders })),
      first,
    )
    this.tasks = chosen.map((task) => fillPlaceholders(task, first))
  }

  mutates(task: Task): boolean {
    return mutates(task, this.#of(task).labels)
  }

  touches(task: Task): Touches {
    return touches(task, this.#of(task).labels)
  }

  /** Ids, as strings, of tasks to be played before this one. */
  dependsOn(task: Task): readonly string[] {
    return (this.#of(task).labels.depends_on ?? []).map(String)
  }

  /** The task on the containers a schedule assigned. */
  at(task: Task, placement: Placement): Task {
    const sites = this.sitesAt(placement)
    const placed = fillPlaceholders(this.#of(task).task, sites)
    this.#sites.set(placed, sites)
    return placed
  }

  /** Site URLs of a placement; sites it does not name keep their first container. */
  sitesAt(placement: Placement): SiteUrls {
    const urls: Record<string, string> = { ...this.#urls[0] }
    for (const [name, index] of Object.entries(placement)) {
      const url = this.#urls[index]?.[name]
      if (url !== undefined) urls[name] = url
    }
    return urls
  }

  /** Site URLs of the containers this task object points at; a copy of one made by `at` is known by its text. */
  sitesOf(task: Task): SiteUrls {
    const known = this.#sites.get(task)
    if (known) return known
    const wanted = JSON.stringify(task)
    for (const placement of this.#placements(task)) {
      const sites = this.sitesAt(placement)
      if (JSON.stringify(fillPlaceholders(this.#of(task).task, sites)) === wanted) return sites
    }
    return this.sitesAt({})
  }

  /** Origins the episode of this task may load from. */
  origins(task: Task): string[] {
    const { placeholders } = this.#of(task)
    return originsOf(task, placeholders, this.sitesOf(task))
  }

  #of(task: Task) {
    const entry = this.#raw.get(String(task.task_id))
    if (!entry) throw new SuiteInputError(`task ${task.task_id} is not one of this suite`)
    return entry
  }

  *#placements(task: Task): Generator<Record<string, number>> {
    const { placeholders } = this.#of(task)
    const names = [...placeholders].filter((name) => (this.instances[name] ?? 1) > 1)
    const total = names.reduce((product, name) => product * (this.instances[name] ?? 1), 1)
    for (let n = 0; n < total; n++) {
      let rest = n
      const placement: Record<string, number> = {}
      for (const name of names) {
        const count = this.instances[name] ?? 1
        placement[name] = rest % count
        rest = Math.floor(rest / count)
      }
      yield placement
    }
  }
}

/** [i] holds the i-th container of each site that has one. */
function urlsByInstance(sites: WebArenaOptions['sites']): SiteUrls[] {
  const lists = Object.entries(sites).map(
    ([name, url]) => [name, typeof url === 'string' ? [url] : url] as const,
  )
  for (const [name, list] of lists) {
    if (list.length === 0)
      throw new SuiteInputError(`the site "${name}" expects at least one URL, received none`)
  }
  const most = Math.max(1, ...lists.map(([, list]) => list.length))
  return Array.from({ length: most }, (_, i) =>
    siteUrls(
      Object.fromEntries(lists.flatMap(([name, list]) => (list[i] === undefined ? [] : [[name, list[i]]]))),
    ),
  )
}
