/** Real browsers: which one, how many side by side, what a page may do, and the deadline of every wait. */
import { z } from 'zod'
import { count, countOrNone } from './numbers.ts'

export const browser = z
  .strictObject({
    /** Chromium to start; null = MIRA_CHROMIUM, then the usual names on PATH. */
    executablePath: z.string().min(1).nullable().default(null),
    /** A browser that runs already: playwright (`playwright run-server`) or cdp; null = start one. */
    endpoint: z
      .strictObject({
        kind: z.enum(['playwright', 'cdp']),
        url: z.string().regex(/^(wss?|https?):\/\/\S+$/, 'expected a ws://, wss:// or http:// address'),
      })
      .nullable()
      .default(null),
    headless: z.boolean().default(true),
    /** Chromium's own sandbox; auto = on unless the user is root, whom Chromium refuses it. */
    sandbox: z.enum(['auto', 'on', 'off']).default('auto'),
    /** More command-line arguments. */
    args: z.array(z.string()).default([]),
    /** CSS pixels; one device pixel each. */
    viewport: z.strictObject({ width: count.default(1280), height: count.default(720) }).prefault({}),
    /** BCP 47. */
    locale: z.string().min(1).default('en-US'),
    /** IANA name; null = the machine's. */
    timezone: z.string().min(1).nullable().default(null),
    /** Browser processes side by side. */
    poolSize: count.default(2),
    /** Episodes side by side in one browser, each in a context of its own. */
    sessionsPerBrowser: count.default(4),
    /** A browser is replaced after this many sessions. */
    sessionsPerLife: count.default(200),
    settle: z
      .strictObject({
        /** calm: until the page is quiet; fixed: a pause, as the published harness makes. */
        mode: z.enum(['calm', 'fixed']).default('calm'),
        /** fixed: the pause, ms. VisualAgentBench: 3000. */
        ms: countOrNone.default(3000),
        /** calm: without a request for so long, ms. */
        quietMs: countOrNone.default(150),
        /** calm: a page that is never quiet is taken as it stands after this, ms. */
        capMs: countOrNone.default(3000),
      })
      .prefault({}),
    /** accept: alert, confirm and leaving are accepted, prompt is dismissed; dismiss: all but leaving are dismissed. */
    dialogs: z.enum(['accept', 'dismiss']).default('accept'),
    /** Tabs an agent may have open. */
    maxTabs: count.default(12),
    /** Milliseconds, one per kind of wait. */
    deadlines: z
      .strictObject({
        /** Starting or reaching a browser. */
        launch: count.default(60_000),
        /** Waiting for a free place in a browser. */
        lease: count.default(600_000),
        /** From there to the first page, log-in included. */
        open: count.default(120_000),
        /** From an address to its document. */
        navigation: count.default(30_000),
        /** Carrying out one action, settling not included. */
        action: count.default(30_000),
        /** One observation. */
        observe: count.default(30_000),
        /** One expression of an evaluator. */
        evaluate: count.default(15_000),
        /** Ending a session or a browser before it is killed. */
        close: count.default(10_000),
      })
      .prefault({}),
  })
  .prefault({})
