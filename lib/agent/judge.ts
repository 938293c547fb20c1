/**
 * Success as the task's own evaluation says, in the form an episode keeps, with a record of what was read, from which
 * it can be scored again.
 */
import {
  DIALECTS,
  dialectFor,
  type EvaluateOptions,
  EvaluationError,
  evaluate,
  type Judge,
  type RemoteHelpers,
} from '../tasks/evaluate.ts'
import { recordEvidence } from '../tasks/evidence.ts'
import type { PageAccess } from '../tasks/pages.ts'
import type { Task } from '../tasks/task.ts'
import type { Judgement } from './episode.ts'

export interface JudgeSetup extends EvaluateOptions {
  /** Answers fuzzy matches (model-judge.ts); absent: tasks with one are unscorable. */
  judge?: Judge
  /** Asks the sites' servers (lib/tasks/evaluators/magento.ts); absent: tasks that need it are unscorable. */
  helpers?: RemoteHelpers
  /** Put the record of what was read into the judgement. */
  record?: boolean
  /** Also keep the last page's HTML, so that other dialects can be tried later; pages are large. */
  keepHtml?: boolean
}

export type EpisodeJudge = (task: Task, session: PageAccess, answer: string | undefined) => Promise<Judgement>

const UNFINISHED: Judgement = { score: 0, details: ['the agent never said that it was done'] }

/**
 * Judges by one set of rules for a whole evaluation. What cannot be scored is marked as such and never thrown; only
 * failures of the environment reject.
 */
export function evaluationJudge(setup: JudgeSetup = {}): EpisodeJudge {
  return async (task, session, answer) => {
    if (answer === undefined) return UNFINISHED
    const name = setup.dialect ?? dialectFor(task)
    const conduct = name === 'embedded' ? undefined : DIALECTS[name]
    let given = answer
    if (answer === '' && conduct?.pendingAnswer !== undefined) {
      // Nothing was said yet: there is no meaning a judge could be asked about.
      if (task.eval.reference_answers?.fuzzy_match !== undefined) return UNFINISHED
      given = conduct.pendingAnswer
    }
    const { evidence, record } = recordEvidence({
      answer: given,
      pages: session,
      ...(setup.judge ? { judge: setup.judge } : {}),
      ...(setup.helpers ? { helpers: setup.helpers } : {}),
    })
    if (setup.record) {
      const page = await evidence.pages.last()
      await evidence.pages.tabs()
      if (setup.keepHtml) await page.html()
    }
    const kept = setup.record ? { evidence: record } : {}
    try {
      const { score, checks } = await evaluate(task, evidence, setup)
      const details = checks.map(
        (check) => `${check.passed ? 'pass' : 'fail'} ${check.type}: ${check.detail}`,
      )
      return { score, details, ...kept }
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      return { score: 0, details: [], unscorable: error.message, ...kept }
    }
  }
}

/**
 * The embedded suite's judge, for training: what cannot be scored rejects, so that it is never learned from as a
 * failure.
 */
export async function judgeByEvaluation(
  task: Task,
  session: PageAccess,
  answer: string | undefined,
): Promise<Judgement> {
  const judgement = await evaluationJudge()(task, session, answer)
  if (judgement.unscorable !== undefined) throw new EvaluationError(judgement.unscorable)
  return judgement
}
