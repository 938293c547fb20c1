/** The embedded web as a backend of the in-process driver: one World per task, made from the task's seed. */
import { SITE_NAMES, type SiteName, type Task } from '../tasks/task.ts'
import type { InProcessBackend } from '../web/in-process.ts'
import type { Origins, World } from './kit.ts'
import { type EmbeddedWeb, IN_PROCESS_ORIGINS } from './registry.ts'
import { createWorld } from './world.ts'

export class SuiteError extends Error {
  readonly code = 'SUITE'
  override name = 'SuiteError'
}

/** The task's sites, checked against the sites this web has. */
export function sitesOfTask(task: Task, web: EmbeddedWeb): SiteName[] {
  if (task.sites.length === 0)
    throw new SuiteError(`task ${task.task_id} names no site; name one of ${SITE_NAMES.join(', ')}`)
  return task.sites.map((name) => {
    const known = SITE_NAMES.find((site) => site === name)
    if (!known || !web.sites.has(known)) {
      throw new SuiteError(
        `task ${task.task_id} names the site "${name}"; known are ${[...web.sites.keys()].join(', ')}`,
      )
    }
    return known
  })
}

export function embeddedBackend(
  web: EmbeddedWeb,
  origins: Origins = IN_PROCESS_ORIGINS,
): InProcessBackend<World> {
  return {
    createWorld(task) {
      sitesOfTask(task, web)
      if (!task.embedded)
        throw new SuiteError(`task ${task.task_id} has no "embedded" part, which holds its world's seed`)
      return createWorld(task.embedded.world_seed)
    },
    fetch: (request, world) => web.fetch(request, { world, origins }),
  }
}
