/**
 * Placeholders of raw task files (__SHOPPING__, __REDDIT__, any __NAME__): what a value contains, and the value with
 * URLs in their places. Lower-case ones (__last_url__, __page__) belong to evaluators and stay.
 */
import { SuiteInputError } from './errors.ts'
import type { SiteUrls } from './sites.ts'

const PLACEHOLDER = /__([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)__/g

/** Names in any string of a JSON value, keys included, lower-case. */
export function placeholdersIn(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (typeof value === 'string') {
    for (const match of value.matchAll(PLACEHOLDER)) found.add((match[1] as string).toLowerCase())
  } else if (Array.isArray(value)) {
    for (const item of value) placeholdersIn(item, found)
  } else if (value !== null && typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) {
      placeholdersIn(key, found)
      placeholdersIn(item, found)
    }
  }
  return found
}

/** A copy of a JSON value with every placeholder that has a URL replaced; others stay as they are. */
export function fillPlaceholders<T>(value: T, urls: SiteUrls): T {
  if (typeof value === 'string') {
    return value.replace(PLACEHOLDER, (whole, name: string) => urls[name.toLowerCase()] ?? whole) as T
  }
  if (Array.isArray(value)) return value.map((item) => fillPlaceholders(item, urls)) as T
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [fillPlaceholders(key, urls), fillPlaceholders(item, urls)]),
    ) as T
  }
  return value
}

/** One sentence listing every placeholder without a value and the tasks that need it; throws it when there is one. */
export function requirePlaceholders(
  tasks: readonly { id: string | number; placeholders: ReadonlySet<string> }[],
  urls: SiteUrls,
): void {
  const missing = new Map<string, (string | number)[]>()
  for (const { id, placeholders } of tasks) {
    for (const name of placeholders) {
      if (urls[name] === undefined) missing.set(name, [...(missing.get(name) ?? []), id])
    }
  }
  if (missing.size === 0) return
  const parts = [...missing].map(([name, ids]) => {
    const upper = name.toUpperCase()
    return `__${upper}__ (${ids.length === 1 ? 'task' : 'tasks'} ${ranges(ids)})`
  })
  const names = [...missing.keys()].map((name) => name.toUpperCase())
  throw new SuiteInputError(
    `no URL is known for ${parts.join(', ')}: set ${names.join(', ')} in the environment or under the sites of the configuration, or leave these tasks out`,
  )
}

/** "0-2, 7, a": runs of integers folded, in the order given by the file. */
export function ranges(ids: readonly (string | number)[]): string {
  const runs: [string | number, string | number][] = []
  for (const id of ids) {
    const last = runs.at(-1)
    if (last && typeof id === 'number' && last[1] === id - 1) last[1] = id
    else runs.push([id, id])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}
