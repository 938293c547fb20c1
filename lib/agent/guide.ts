/**
 * Who tells an agent, before each action, how far it has come and what to aim at. The episode loop knows guides by this
 * interface alone; SGO is one (sgo.ts). A guide never decides that an episode is over: the agent's exit stands
 * whatever the checklist says.
 */
import { z } from 'zod'
import type { MilestoneCheck } from '../milestones/checker.ts'
import type { Task } from '../tasks/task.ts'
import type { Observation } from '../web/observation.ts'
import type { Session } from '../web/session.ts'
import { spent } from './spent.ts'
import type { Step } from './step.ts'

/** What a guide believed before an action, and what it took; kept with the step. */
export const planStep = z.object({
  /** The checklist, [K]; empty where none could be made. */
  milestones: z.array(z.string()),
  /** Belief, [K] of 0/1. */
  z: z.array(z.int().min(0).max(1)),
  /** Index of the milestone aimed at; absent = none. */
  target: z.int().min(0).optional(),
  /** What to achieve next, in the planner's words. */
  next: z.string().optional(),
  /** On what the rater based its verdicts. */
  note: z.string().optional(),
  /** Steps without a milestone reached for the first time. */
  stall: z.int().min(0),
  /** The checklist was revised before this step. */
  revised: z.literal(true).optional(),
  /** Why there is no verdict or plan of this step: the model was asked and gave none. */
  problem: z.string().optional(),
  spent,
})
export type PlanStep = z.infer<typeof planStep>

/** What the agent is told. */
export interface Guidance {
  plan: PlanStep
  /** Text of the milestone aimed at, as a trained policy reads it; absent where nothing is aimed at. */
  subgoal?: string
  /** The agent is going round in circles. */
  stalled: boolean
  /** Sample the action at this temperature at least; absent: at the episode's own. */
  temperature?: number
}

/** The moment before an action. */
export interface GuideView {
  task: Task
  session: Session
  observation: Observation
  steps: readonly Step[]
  /** The agent's answer, once it has exited. */
  answer?: string
  signal?: AbortSignal
}

export interface EpisodeGuide {
  next(view: GuideView): Promise<Guidance>
}

export interface Guide {
  /** State of its own for one episode. */
  begin(): EpisodeGuide
  /** Look once more when the episode is over, so that whoever watches sees the last milestone reached. */
  readonly rateEnd?: boolean
}

/** The same moment as milestone checkers see it. */
export function checkOf(
  { task, session, observation, steps, answer, signal }: GuideView,
  milestones: readonly string[],
  before: Uint8Array,
): MilestoneCheck {
  return {
    task,
    milestones,
    actions: steps.map(({ actionText }) => actionText),
    observe: async () => observation,
    session,
    before,
    ...(answer === undefined ? {} : { answer }),
    ...(signal ? { signal } : {}),
  }
}
