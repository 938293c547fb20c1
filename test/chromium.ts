/** The browser that tests use: as the driver finds one; undefined, said once, where there is none. */
import { findChromium } from '../lib/web/chromium/launch.ts'

export const CHROMIUM = await findChromium().catch(() => undefined)
if (!CHROMIUM) console.warn('browser tests skipped: install chromium, or name one in MIRA_CHROMIUM')

/** For tests that start a browser without the driver. */
export const LAUNCH = { executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] }
