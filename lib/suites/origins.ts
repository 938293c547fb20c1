/**
 * Where an episode may go: the origins of its task's sites, of everything its text points at by placeholder, and of
 * its start URLs.
 */
import type { Task } from '../tasks/task.ts'
import { startUrls } from '../web/chromium/allow-list.ts'
import type { SiteUrls } from './sites.ts'

/** Origins without duplicates; what is no http(s) URL gives none. */
export function originsOf(task: Task, placeholders: Iterable<string>, urls: SiteUrls): string[] {
  const origins = new Set<string>()
  for (const url of [
    ...[...task.sites, ...placeholders].map((name) => urls[name] ?? ''),
    ...startUrls(task),
  ]) {
    if (!URL.canParse(url)) continue
    const { origin, protocol } = new URL(url)
    if (protocol === 'http:' || protocol === 'https:') origins.add(origin)
  }
  return [...origins]
}
