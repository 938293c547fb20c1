/**
 * What can be set about browsers, their sessions and their waits, with the defaults; plain data, so that a
 * configuration section can carry it. Nothing here opens or checks anything.
 */
import type { Manner } from './hands.ts'

/** A browser that runs already. playwright: `playwright run-server`; cdp: `chromium --remote-debugging-port`. */
export interface BrowserEndpoint {
  kind: 'cdp' | 'playwright'
  /** ws://, wss:// or, for cdp, http://. */
  url: string
}

/**
 * When the page counts as settled after an action. fixed: after so many milliseconds, as the published harness does
 * (3000). calm: when no navigation is under way and no request was in flight for `quietMs`; a page that is never
 * quiet is taken as it stands `capMs` after its document came.
 */
export type SettleStrategy = { mode: 'fixed'; ms: number } | { mode: 'calm'; quietMs: number; capMs: number }

/** Milliseconds; each names one wait. */
export interface BrowserDeadlines {
  /** Starting or reaching a browser. */
  launch: number
  /** Waiting for a free place in the pool. */
  lease: number
  /** Everything from the lease to the first page, log-in included. */
  open: number
  /** From an address to its document. */
  navigation: number
  /** Carrying out one action, settling not included. */
  action: number
  /** One observation or snapshot. */
  observe: number
  /** One expression of an evaluator. */
  evaluate: number
  /** Ending a session or a browser before it is killed. */
  close: number
}

export interface BrowserOptions {
  /** Otherwise MIRA_CHROMIUM, then the usual names on PATH. */
  executablePath?: string
  /** Use this browser instead of starting one. */
  endpoint?: BrowserEndpoint
  headless: boolean
  /** Chromium's own sandbox; auto: on unless the user is root, whom Chromium refuses it. */
  sandbox: 'auto' | 'on' | 'off'
  /** More command-line arguments for the browser. */
  args: readonly string[]
  /** CSS pixels; the device scale factor is always 1. */
  viewport: { width: number; height: number }
  /** BCP 47. */
  locale: string
  /** IANA name; the machine's where absent. */
  timezone?: string
  /** Browser processes side by side. */
  poolSize: number
  /** Episodes side by side in one browser, each in a context of its own. */
  sessionsPerBrowser: number
  /** A browser is replaced after this many sessions, so that what it leaks cannot add up. */
  sessionsPerLife: number
  manner: Manner
  settle: SettleStrategy
  /**
   * accept: alert, confirm and leaving are accepted, prompt is dismissed. dismiss: all are dismissed but leaving, as
   * Playwright does for whoever does not listen.
   */
  dialogs: 'accept' | 'dismiss'
  /** Tabs an agent may have open; further ones are closed as they open. */
  maxTabs: number
  deadlines: BrowserDeadlines
}

export const BROWSER_DEFAULTS: BrowserOptions = {
  headless: true,
  sandbox: 'auto',
  args: [],
  viewport: { width: 1280, height: 720 },
  locale: 'en-US',
  poolSize: 2,
  sessionsPerBrowser: 4,
  sessionsPerLife: 200,
  manner: 'default',
  settle: { mode: 'calm', quietMs: 150, capMs: 3000 },
  dialogs: 'accept',
  maxTabs: 12,
  deadlines: {
    launch: 60_000,
    lease: 600_000,
    open: 120_000,
    navigation: 30_000,
    action: 30_000,
    observe: 30_000,
    evaluate: 15_000,
    close: 10_000,
  },
}

/** What differs where published numbers are to be stood beside: quirks of acting, fixed waits, dialogs dismissed. */
export const VAB_BROWSER: Pick<BrowserOptions, 'manner' | 'settle' | 'dialogs'> = {
  manner: 'vab',
  settle: { mode: 'fixed', ms: 3000 },
  dialogs: 'dismiss',
}

/** Partial options over the defaults; deadlines are merged one by one. */
export function browserOptions(
  given: Partial<Omit<BrowserOptions, 'deadlines'>> & { deadlines?: Partial<BrowserDeadlines> } = {},
): BrowserOptions {
  const { deadlines, ...rest } = given
  return { ...BROWSER_DEFAULTS, ...rest, deadlines: { ...BROWSER_DEFAULTS.deadlines, ...deadlines } }
}
