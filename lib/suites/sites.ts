/**
 * The sites of WebArena: their names, where the user runs them, which of them keep nothing, and the columns under
 * which published tables count single-site tasks.
 */
import type { Task } from '../tasks/task.ts'
import { SuiteInputError } from './errors.ts'

export const WEBARENA_SITES = ['shopping', 'shopping_admin', 'reddit', 'gitlab', 'map', 'wikipedia'] as const
export type WebArenaSite = (typeof WEBARENA_SITES)[number]

/** Sites that keep nothing an agent does; every other site, a user's own included, has state that a task can change. */
export const STATELESS_SITES: ReadonlySet<string> = new Set(['map', 'wikipedia'])

/** Base URL of a site or any other placeholder, by lower-case name ("shopping_admin"), without trailing slash. */
export type SiteUrls = Readonly<Record<string, string>>

/** Lower-cases names, checks that values are http(s) URLs and drops trailing slashes. */
export function siteUrls(map: Readonly<Record<string, string>>): SiteUrls {
  const urls: Record<string, string> = {}
  for (const [name, value] of Object.entries(map)) {
    let url: URL | undefined
    try {
      url = new URL(value)
    } catch {
      // reported below, together with other schemes
    }
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      throw new SuiteInputError(
        `the URL of the site "${name}" expects an http or https address such as http://localhost:7770, received "${value}"`,
      )
    }
    urls[name.toLowerCase()] = value.trim().replace(/\/+$/, '')
  }
  return urls
}

/**
 * Site URLs from an environment: SHOPPING or WA_SHOPPING and so on for the six sites and HOMEPAGE. The prefixed
 * name wins, because plain names such as MAP may mean something else; empty values count as absent.
 */
export function siteUrlsFromEnvironment(environment: Readonly<Record<string, string | undefined>>): SiteUrls {
  const found: Record<string, string> = {}
  for (const site of [...WEBARENA_SITES, 'homepage']) {
    const value = environment[`WA_${site.toUpperCase()}`]?.trim() || environment[site.toUpperCase()]?.trim()
    if (value) found[site] = value
  }
  return siteUrls(found)
}

export const WEBARENA_COLUMNS = ['Reddit', 'Gitlab', 'CMS', 'Map', 'OSS'] as const
export type WebArenaColumn = (typeof WEBARENA_COLUMNS)[number]

const COLUMN_OF: Readonly<Record<string, WebArenaColumn>> = {
  reddit: 'Reddit',
  gitlab: 'Gitlab',
  shopping_admin: 'CMS',
  map: 'Map',
  shopping: 'OSS',
}

/**
 * The column of the published tables (WebRL, MiRA) a task counts in; undefined for a task on several sites, which
 * counts only in the average. Map together with wikipedia counts as Map, as in those tables.
 */
export function columnOf(task: Pick<Task, 'sites'>): WebArenaColumn | undefined {
  const sites = new Set(task.sites)
  if (sites.has('map')) sites.delete('wikipedia')
  const [only, ...more] = sites
  return only === undefined || more.length > 0 ? undefined : COLUMN_OF[only]
}

/** A task's sites in one canonical name: "gitlab+reddit". */
export function siteGroup(task: Pick<Task, 'sites'>): string {
  return [...new Set(task.sites)].sort().join('+')
}
