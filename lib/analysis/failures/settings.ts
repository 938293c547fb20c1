/**
 * What the failure analyser lets be set, with its defaults. The paper leaves N, M and "very early" open; the choices
 * here are explained in docs/analysis.md.
 */
import { z } from 'zod'

const count = z.int().min(1)
const share = z.number().min(0).max(1)

export const failureSettings = z.strictObject({
  /** N: this many last actions that are the same, whatever the pages, are being stuck. */
  identicalActions: count.min(2).default(5),
  /** M: a cycle of one or two steps has to be walked this often. */
  cycleRepeats: count.min(2).default(3),
  /** The same for cycles of three steps and more, where a single return is already long. */
  longCycleRepeats: count.min(2).default(2),
  /** P: longest cycle looked for, steps. */
  longestCycle: count.default(8),
  /** This many last steps without a single new pair of page and action are being stuck, however irregular. */
  stagnantSteps: count.min(3).default(8),
  /** An exit within the first so many steps, with nothing relevant done, is no attempt instead of a wrong end. */
  earlySteps: z.int().min(0).default(2),
  /** Waiting, scrolling and hovering on a finished page is a missing exit instead of being stuck. */
  idleWhenFinished: z.boolean().default(true),
  /** Share of common words from which two texts at one address are the same page. */
  pageSimilarity: share.default(0.6),
})
export type FailureSettings = z.output<typeof failureSettings>

export const DEFAULT_FAILURE_SETTINGS: FailureSettings = failureSettings.parse({})
