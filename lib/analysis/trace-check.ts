/**
 * Checks kept episodes against milestones after the fact, as if the checker had stood beside them: step by step, with
 * the actions so far and the page each led to. The page behind an episode's last action was never kept, so there the
 * checker sees the page the action was chosen on, the agent's answer with it.
 */
import type { Episode } from '../agent/episode.ts'
import { nextBelief } from '../milestones/belief.ts'
import type { MilestoneChecker, SeenPage } from '../milestones/checker.ts'

/** An episode as it is kept. */
export type KeptTrace = Pick<Episode, 'id' | 'task' | 'steps' | 'answer'>

/** PNG of the page that a step (from 0) was chosen on, where one was kept apart from the episode. */
export type PictureOf = (trace: KeptTrace, step: number) => Promise<Uint8Array | undefined>

export interface TraceCheckOptions {
  /** As the checker's; default true. */
  monotone?: boolean
  pictureOf?: PictureOf
  signal?: AbortSignal
}

/** @returns the verdicts after each step, [T] of [K] */
export async function checkTrace(
  checker: MilestoneChecker,
  trace: KeptTrace,
  milestones: readonly string[],
  { monotone = true, pictureOf, signal }: TraceCheckOptions = {},
): Promise<Uint8Array[]> {
  const { task, steps, answer } = trace
  const verdicts: Uint8Array[] = []
  const actions: string[] = []
  let before: Uint8Array | undefined
  for (const [t, { actionText }] of steps.entries()) {
    signal?.throwIfAborted()
    actions.push(actionText)
    const next = Math.min(t + 1, steps.length - 1)
    const reached = await checker.check({
      task,
      milestones,
      actions,
      observe: async () => (await pageAt(trace, next, pictureOf)) as SeenPage,
      ...(t === steps.length - 1 && answer !== undefined ? { answer } : {}),
      ...(before ? { before } : {}),
      ...(signal ? { signal } : {}),
    })
    verdicts.push(reached)
    before = nextBelief(before, reached, { monotone })
  }
  return verdicts
}

/** The page a step (from 0) was chosen on; that of step 0 is what a generator sees. */
export async function pageAt(
  trace: KeptTrace,
  step: number,
  pictureOf?: PictureOf,
): Promise<SeenPage | undefined> {
  const kept = trace.steps[step]
  if (!kept) return undefined
  const { url, pageText } = kept
  const screenshot = kept.screenshot ?? (await pictureOf?.(trace, step))
  return { url, text: pageText, ...(screenshot ? { screenshot } : {}) }
}
