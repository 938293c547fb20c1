/**
 * The outcome reward model: P(YES) that an episode did what its task asked, and a judge made of it. Whoever computes
 * the probability (a language model, a local Gemma3) is in orm-scorers.ts.
 */
import type { Judgement } from '../agent/episode.ts'
import type { Step } from '../agent/step.ts'
import type { Task } from '../tasks/task.ts'
import type { Session } from '../web/session.ts'
import { WebRLError } from './errors.ts'
import type { OrmParts } from './orm-prompt.ts'
import { partsOfTrace } from './sft.ts'
import type { ScoredTrace } from './trace.ts'

export interface OutcomeScorer {
  /** Names the model in reports. */
  readonly name: string
  /** P(YES) in [0, 1]. Rejects with WebRLError ERR_WEBRL_VERDICT where the model says neither YES nor NO. */
  probability(parts: OrmParts, signal?: AbortSignal): Promise<number>
}

export interface OrmJudgeOptions {
  /** Success from this P(YES) on. Default 0.5, upstream's. */
  threshold?: number
  signal?: AbortSignal
}

/** What the outcome model reads of an episode: the page is the one its last action was chosen on. */
export function ormPartsOf(intent: string, steps: readonly Step[]): OrmParts {
  return { intent, replies: steps.map((step) => step.actionText), page: steps.at(-1)?.pageText ?? '' }
}

/** A trace with the outcome model's 0 or 1 in place of its score, as WebRL scores rollouts of generated tasks. */
export async function rescore(
  { id, steps }: ScoredTrace,
  scorer: OutcomeScorer,
  { threshold = 0.5, signal }: OrmJudgeOptions = {},
): Promise<ScoredTrace> {
  const score = (await scorer.probability(partsOfTrace(steps), signal)) >= threshold ? 1 : 0
  return { id, steps: steps.map((step) => ({ ...step, score })) }
}

/**
 * A judge for AgentSetup. Like upstream it scores whatever was played, exit or not; an episode without steps is 0
 * without asking, and a reply without a verdict makes it unscorable.
 */
export function ormJudge(scorer: OutcomeScorer, { threshold = 0.5, signal }: OrmJudgeOptions = {}) {
  if (!(threshold > 0 && threshold <= 1)) {
    throw new RangeError(`threshold: expected a probability above 0 and up to 1, received ${threshold}`)
  }
  return async (
    task: Task,
    _session: Session,
    _answer: string | undefined,
    steps: readonly Step[],
  ): Promise<Judgement> => {
    if (steps.length === 0) return { score: 0, details: ['fail outcome model: no action was taken'] }
    let p: number
    try {
      p = await scorer.probability(ormPartsOf(task.intent, steps), signal)
    } catch (error) {
      if (!(error instanceof WebRLError) || error.code !== 'ERR_WEBRL_VERDICT') throw error
      return { score: 0, details: [error.message], unscorable: error.message }
    }
    const passed = p >= threshold
    return {
      score: passed ? 1 : 0,
      details: [
        `${passed ? 'pass' : 'fail'} outcome model ${scorer.name}: P(YES) ${p.toPrecision(4)}, threshold ${threshold}`,
      ],
    }
  }
}
