/**
 * A browser context as every episode gets it: its own cookies and storage, the set viewport, no downloads, no
 * permissions, no service workers, WebSockets only where the allow-list says, everything else the guard's.
 */
import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core'
import type { AllowList } from './allow-list.ts'
import type { BlockedRequest } from './guard.ts'
import type { BrowserOptions } from './options.ts'

/** Cookies and local storage as Playwright saves them: the path of a file, or its content. */
export type StorageState = NonNullable<BrowserContextOptions['storageState']>

export interface ContextRules {
  allow: AllowList
  storageState: StorageState | undefined
  blocked: (request: BlockedRequest) => void
}

export async function episodeContext(
  browser: Browser,
  options: BrowserOptions,
  { allow, storageState, blocked }: ContextRules,
): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: { ...options.viewport },
    deviceScaleFactor: 1,
    locale: options.locale,
    acceptDownloads: false,
    serviceWorkers: 'block',
    ...(options.timezone === undefined ? {} : { timezoneId: options.timezone }),
    ...(storageState === undefined ? {} : { storageState }),
  })
  // Granting nothing refuses everything, so that no page waits for an answer nobody gives.
  await context.grantPermissions([])
  await context.routeWebSocket(
    (url) => !allow.allows(url.href),
    (socket) => {
      blocked({ url: socket.url(), kind: 'websocket', time: Date.now() })
      void socket.close()
    },
  )
  return context
}
