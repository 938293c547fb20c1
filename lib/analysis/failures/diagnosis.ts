/** What the analyser says about one failed episode, as plain data. Steps are counted from 1, as people do. */
import type { Episode } from '../../agent/episode.ts'
import type { Step } from '../../agent/step.ts'

/** In the order of their priority (paper Table 1, A to D). */
export const FAILURE_CLASSES = ['wrong-termination', 'stuck-midway', 'fail-attempt', 'others'] as const
export type FailureClass = (typeof FAILURE_CLASSES)[number]

export const CLASS_TITLES: Record<FailureClass, string> = {
  'wrong-termination': 'wrong termination',
  'stuck-midway': 'stuck midway',
  'fail-attempt': 'fail attempt',
  others: 'others',
}

/** The rule that decided; each belongs to one class. */
export type FailureRule =
  | 'false-claim'
  | 'repeated-action'
  | 'cycle'
  | 'stagnation'
  | 'immediate-exit'
  | 'finished-without-exit'
  | 'distracted-start'
  | 'infrastructure'
  | 'unresolved'

/** What the key step was found with; none: there was nothing to compare with. */
export type KeyStepBasis = 'claim' | 'loop' | 'reference' | 'milestones' | 'end' | 'none'

export interface Diagnosis {
  /** Id of the episode; unique within its run. */
  episode: string
  task: string | number
  class: FailureClass
  rule: FailureRule
  /** Key decision step from 1 (paper section 4); null where nothing says which. */
  keyStep: number | null
  basis: KeyStepBasis
  /** Steps of the episode. */
  steps: number
  /** The cycle behind stuck-midway, where there is one. */
  loop?: { entry: number; period: number; repeats: number }
  /** Whose path the episode was compared with. */
  reference?: string
  /** Texts of the milestones, by whether they were reached. */
  reached: string[]
  missing: string[]
  /** The evaluator's line that failed, or why there is none. */
  failedCheck: string
  /** Two to five sentences, facts only. */
  summary: string
  /** What a language model said otherwise, where one was asked. */
  refined?: { model: string; class: FailureClass; keyStep: number | null; reason: string }
}

/** The part of a step the analyser looks at. */
export type FailureStep = Pick<Step, 'action' | 'actionText' | 'url' | 'pageText' | 'error' | 'reached'>

/** The part of an episode the analyser looks at; a whole {@link Episode} fits. */
export type FailureTrace = Pick<Episode, 'id' | 'task' | 'end' | 'answer' | 'judgement'> & {
  steps: readonly FailureStep[]
}

/** Judged, and not solved. What nobody could score is no failure of anybody. */
export function isFailure({ judgement, end }: Pick<FailureTrace, 'judgement' | 'end'>): boolean {
  if (end === 'error') return true
  return judgement.unscorable === undefined && judgement.score < 1
}
