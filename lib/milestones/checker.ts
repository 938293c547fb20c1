/** Who says which milestones hold after a step: an oracle on the embedded suite, a language model elsewhere. */
import type { Task } from '../tasks/task.ts'
import type { Observation } from '../web/observation.ts'
import type { Session } from '../web/session.ts'

/** What a checker or a generator may read of a page. */
export type SeenPage = Pick<Observation, 'url' | 'text' | 'screenshot'>

/** The moment after an action. */
export interface MilestoneCheck {
  task: Task
  /** Texts of the K milestones to be checked, in their order. */
  milestones: readonly string[]
  /** Texts of the actions so far, the one just carried out last; its length is the number of the step, from 1. */
  actions: readonly string[]
  /** The page as it is now; a checker that does not read it leaves it unasked. */
  observe(): Promise<SeenPage>
  /** The live session, for checkers that look behind the page; absent where kept episodes are checked. */
  session?: Session
  /** The agent's answer, once it has exited. */
  answer?: string
  /** Milestones believed to hold before this step, [K]; spares a monotone checker what is settled. */
  before?: Uint8Array
  signal?: AbortSignal
}

export interface MilestoneChecker {
  /** Verdicts on the K milestones at this moment, [K] of 0/1; whether they accumulate is for belief.ts. */
  check(moment: MilestoneCheck): Promise<Uint8Array>
}

/** For tasks whose milestones nobody states. */
export const NO_MILESTONES: MilestoneChecker = { check: async () => new Uint8Array(0) }
