/** Who says which milestones hold after a step: an oracle on the embedded suite, a language model elsewhere. */
import type { Task } from '../tasks/task.ts'
import type { Session } from '../web/session.ts'

export interface MilestoneChecker {
  /** Verdicts of the K milestones for the page the session shows now; `answer` once the agent has exited. */
  check(task: Task, session: Session, answer?: string): Promise<Uint8Array>
}
