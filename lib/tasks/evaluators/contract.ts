/**
 * What evaluators take and give: the evidence of an ended episode, the judge they may ask, the checks they made, and
 * the two ways in which there is no score. Plain types; rules are in the files beside it.
 */
import type { LocatedValue, PageAccess } from '../pages.ts'

export interface Question {
  /** fuzzy: does the answer mean the reference? ua: does it report why the task cannot be done (reference)? */
  kind: 'fuzzy' | 'ua'
  intent: string
  reference: string
  answer: string
  /** The task's string_note, where it has one. */
  note?: string
}

/**
 * Answers a question about meaning; true = yes. Rejects with UndecidedError when it cannot tell, and with whatever its
 * model throws when it cannot be asked.
 */
export type Judge = (question: Question) => Promise<boolean>

/** Helpers that ask a site's server, by the name tasks call them (magento.ts). */
export type RemoteHelpers = Readonly<Record<string, (...args: string[]) => Promise<LocatedValue>>>

export interface Evidence {
  /** The message of exit, "" where the agent never said anything. */
  answer: string
  pages: PageAccess
  /** Absent: tasks with fuzzy_match cannot be scored. */
  judge?: Judge
  /** Absent: tasks that ask a site's server cannot be scored. */
  helpers?: RemoteHelpers
}

export interface Check {
  type: 'string_match' | 'url_match' | 'program_html'
  passed: boolean
  /** What was compared, in one line. */
  detail: string
}

export type UpstreamException = 'AssertionError' | 'ValueError' | 'BeartypeCallHintParamViolation'

/** The task cannot be scored with what there is; never a failure of the agent. */
export class EvaluationError extends Error {
  readonly code: string = 'EVALUATION'
  override name = 'EvaluationError'
  /** What the published evaluator raises in this place, where it does. */
  readonly upstream: UpstreamException | undefined

  constructor(message: string, options: ErrorOptions & { upstream?: UpstreamException } = {}) {
    super(message, options)
    this.upstream = options.upstream
  }
}

/** The judge was asked and gave no verdict; the episode has no score. */
export class UndecidedError extends EvaluationError {
  override readonly code = 'UNDECIDED'
  override name = 'UndecidedError'
}

/** Code points, cut for a line of a report. */
export function short(text: string): string {
  const points = Array.from(text.slice(0, 200))
  return points.length > 80 ? `${points.slice(0, 80).join('')}...` : text
}
