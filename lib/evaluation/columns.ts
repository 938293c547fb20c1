/** Under which column of a table a suite's tasks count, and how those outside are named. */
import { columnOf, siteGroup, WEBARENA_COLUMNS } from '../suites/sites.ts'
import type { Task } from '../tasks/task.ts'

export interface SiteGroup {
  /** In the order of the table, shown even when empty. */
  names: readonly string[]
  /** undefined: counts only in the total. */
  column(task: Task): string | undefined
  group(task: Task): string
}

/**
 * WebArena's suites have the five columns of the published tables, for tasks on a single site (map with wikipedia is
 * Map); the others have a column per site.
 */
export function columnsOf(suite: string): SiteGroup {
  if (suite === 'webarena-lite' || suite === 'webrl') {
    return { names: WEBARENA_COLUMNS, column: columnOf, group: siteGroup }
  }
  return {
    names: [],
    column: ({ sites }) => (new Set(sites).size === 1 ? sites[0] : undefined),
    group: siteGroup,
  }
}
