/** Success as the task's own evaluation says, in the form an episode keeps. */
import { evaluate } from '../tasks/evaluate.ts'
import type { Task } from '../tasks/task.ts'
import type { Session } from '../web/session.ts'
import type { Judgement } from './episode.ts'

/** An agent that never exits has finished nothing: it is scored 0 without looking. */
export async function judgeByEvaluation(
  task: Task,
  session: Session,
  answer: string | undefined,
): Promise<Judgement> {
  if (answer === undefined) return { score: 0, details: ['the agent never said that it was done'] }
  const { score, checks } = await evaluate(task, { answer, pages: session })
  return {
    score,
    details: checks.map((check) => `${check.passed ? 'pass' : 'fail'} ${check.type}: ${check.detail}`),
  }
}
