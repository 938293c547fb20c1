/** Parts of SGO that lib/milestones already has: any generator as the planner's first plan, any checker as the rater. */
import type { MilestoneChecker } from '../milestones/checker.ts'
import type { GeneratedMilestones, SubgoalGenerator } from '../milestones/generator.ts'
import { checkOf } from './guide.ts'
import type { Planner, Rater } from './sgo.ts'
import { NOTHING, type Spent } from './spent.ts'

/** The first plan: what the generator says from the task and the page it starts on. */
export function planBy(generator: SubgoalGenerator): Planner['plan'] {
  return async ({ task, observation, signal }) => {
    const made = await generator.generate({ task, page: observation, ...(signal ? { signal } : {}) })
    return { milestones: made.milestones, spent: spentOnPlan(made) }
  }
}

export function spentOnPlan({ usage, seconds }: GeneratedMilestones): Spent {
  if (!usage) return NOTHING
  const { inputTokens, outputTokens, thinkingTokens, cost } = usage
  // A generator says 0 seconds where nobody was asked.
  const asked = seconds > 0 ? { calls: 1, cached: 0 } : { calls: 0, cached: 1 }
  return { ...asked, inputTokens, outputTokens, thinkingTokens, cost: cost ?? null, seconds }
}

/**
 * @param sameAsSteps the episode's own checker is this one, so that a step's verdicts need not be asked for again
 */
export function checkerRater(checker: MilestoneChecker, { sameAsSteps = false } = {}): Rater {
  return {
    async rate(view, { milestones, z }) {
      const known = sameAsSteps ? view.steps.at(-1)?.reached : undefined
      return { achieved: known ?? (await checker.check(checkOf(view, milestones, z))), spent: NOTHING }
    },
  }
}
