/**
 * Which addresses an episode may reach: a list of origins, and of file: folders where a suite's pages lie on disk.
 * Decides about one address; whoever sends requests asks it.
 */
import type { Task } from '../../tasks/task.ts'

export interface AllowList {
  /** The entries as they were understood. */
  readonly entries: readonly string[]
  allows(url: string): boolean
}

export class AllowListError extends Error {
  readonly code = 'ALLOW_LIST'
  override name = 'AllowListError'
}

/**
 * Entries are origins ("https://shop.example:8443"; a path is ignored) or file: folders ("file:///pages/"). What
 * never leaves the browser (about:, blob:, data:) is always allowed. WebSockets count as the http origin they talk to.
 */
export function allowList(entries: readonly string[]): AllowList {
  const origins = new Set<string>()
  const folders: string[] = []
  for (const entry of entries) {
    const url = URL.canParse(entry) ? new URL(entry) : undefined
    if (url?.protocol === 'http:' || url?.protocol === 'https:') origins.add(url.origin)
    else if (url?.protocol === 'file:' && url.pathname.endsWith('/') && url.pathname !== '/')
      folders.push(url.href)
    else {
      throw new AllowListError(
        `the allow-list expects origins such as "https://shop.example" or a file: folder ending in "/", received "${entry}"`,
      )
    }
  }
  return {
    entries: [...origins, ...folders],
    allows(address) {
      if (!URL.canParse(address)) return false
      const url = new URL(address)
      switch (url.protocol) {
        case 'about:':
        case 'blob:':
        case 'data:':
          return true
        case 'file:':
          return folders.some((folder) => url.href.startsWith(folder))
        case 'ws:':
        case 'wss:':
          return origins.has(`http${url.protocol.slice(2)}//${url.host}`)
        default:
          return origins.has(url.origin)
      }
    },
  }
}

/** The addresses of WebArena's start_url: several are joined by " |AND| ", one tab each. */
export const startUrls = (task: Task): string[] =>
  task.start_url
    .split(' |AND| ')
    .map((url) => url.trim())
    .filter(Boolean)
