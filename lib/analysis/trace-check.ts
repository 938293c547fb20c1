/**
 * Checks kept episodes against milestones after the fact, as if the checker had stood beside them: step by step, with
 * the actions so far and the page each led to. The page behind an episode's last action was never kept, so there the
 * checker sees the page the action was chosen on, the agent's answer with it.
 */
import type { Episode } from '../agent/episode.ts'
import type { Step } from '../agent/step.ts'
import { nextBelief } from '../milestones/belief.ts'
import type { MilestoneChecker, SeenPage } from '../milestones/checker.ts'

export interface TraceCheckOptions {
  /** As the checker's; default true. */
  monotone?: boolean
  signal?: AbortSignal
}

/** @returns the verdicts after each step, [T] of [K] */
export async function checkTrace(
  checker: MilestoneChecker,
  { task, steps, answer }: Pick<Episode, 'task' | 'steps' | 'answer'>,
  milestones: readonly string[],
  { monotone = true, signal }: TraceCheckOptions = {},
): Promise<Uint8Array[]> {
  const verdicts: Uint8Array[] = []
  const actions: string[] = []
  let before: Uint8Array | undefined
  for (const [t, step] of steps.entries()) {
    signal?.throwIfAborted()
    actions.push(step.actionText)
    const last = t === steps.length - 1
    const page = pageOf(steps[t + 1] ?? step)
    const reached = await checker.check({
      task,
      milestones,
      actions,
      observe: async () => page,
      ...(last && answer !== undefined ? { answer } : {}),
      ...(before ? { before } : {}),
      ...(signal ? { signal } : {}),
    })
    verdicts.push(reached)
    before = nextBelief(before, reached, { monotone })
  }
  return verdicts
}

/** The page an episode began on, for a generator. */
export function firstPage({ steps }: Pick<Episode, 'steps'>): SeenPage | undefined {
  return steps[0] && pageOf(steps[0])
}

function pageOf({ url, pageText, screenshot }: Pick<Step, 'url' | 'pageText' | 'screenshot'>): SeenPage {
  return { url, text: pageText, ...(screenshot ? { screenshot } : {}) }
}
