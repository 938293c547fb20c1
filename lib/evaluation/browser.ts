/** The browser section of a configuration as the options of the Chromium driver. */
import type { Config } from '../config/schema.ts'
import type { BrowserOptions } from '../web/chromium/options.ts'

export function browserOptionsOf({ browser, agent }: Config): BrowserOptions {
  const { executablePath, endpoint, timezone, settle, ...same } = browser
  return {
    ...same,
    ...(executablePath === null ? {} : { executablePath }),
    ...(endpoint === null ? {} : { endpoint }),
    ...(timezone === null ? {} : { timezone }),
    manner: agent.manner,
    settle:
      settle.mode === 'fixed'
        ? { mode: 'fixed', ms: settle.ms }
        : { mode: 'calm', quietMs: settle.quietMs, capMs: settle.capMs },
  }
}
