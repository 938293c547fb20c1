/** A diagnosis in words: how the episode ended, what was reached, which check failed, which rule decided and where. */
import type { Diagnosis, FailureTrace } from './diagnosis.ts'

const LONGEST_QUOTE = 160

export function failedCheck({ judgement, end, steps }: FailureTrace): string {
  const failed = judgement.details.find((line) => line.startsWith('fail '))
  if (failed) return failed.slice('fail '.length)
  if (judgement.details[0] !== undefined) return judgement.details[0]
  return end === 'error' ? (steps.at(-1)?.error ?? 'the environment failed') : 'no check was kept'
}

export function summarise(trace: FailureTrace, diagnosis: Omit<Diagnosis, 'summary'>, sign?: string): string {
  const { reached, missing } = diagnosis
  return [
    howItEnded(trace),
    ...(reached.length + missing.length > 0
      ? [`Reached: ${list(reached)}. Not reached: ${list(missing)}.`]
      : []),
    `Failed check: ${sentence(diagnosis.failedCheck)}`,
    `${why(trace, diagnosis, sign)}${where(trace, diagnosis)}`,
  ].join(' ')
}

function howItEnded({ end, answer, steps }: FailureTrace): string {
  const after = `after ${steps.length === 1 ? '1 step' : `${steps.length} steps`}`
  switch (end) {
    case 'exit':
      return `The agent ended the episode ${after}${answer ? ` with ${quote(answer)}` : ' without a message'}.`
    case 'horizon':
      return `The episode was stopped ${after}, at its limit.`
    case 'stuck':
      return `The episode was stopped ${after} because the same action came again and again.`
    case 'invalid':
      return `The episode was stopped ${after} because the agent's text was no action.`
    case 'environment':
      return `The environment ended the episode ${after}.`
    case 'error':
      return `The environment failed ${after}.`
  }
}

function why({ steps }: FailureTrace, { rule, loop, reference }: Omit<Diagnosis, 'summary'>, sign?: string) {
  switch (rule) {
    case 'false-claim':
      return 'Wrong termination: the end was declared, the check says otherwise'
    case 'immediate-exit':
      return 'Fail attempt: the agent left before doing anything that belongs to the task'
    case 'repeated-action':
      return `Stuck midway: the last action was repeated ${loop?.repeats ?? 0} times`
    case 'cycle':
      return loop?.period === 1
        ? `Stuck midway: one action was repeated ${loop.repeats} times on the same page`
        : `Stuck midway: a cycle of ${loop?.period} steps was walked ${loop?.repeats} times`
    case 'stagnation':
      return `Stuck midway: from step ${loop?.entry} to step ${steps.length} only known actions on known pages`
    case 'finished-without-exit':
      return 'Fail attempt: everything was done, only the exit is missing'
    case 'distracted-start':
      return reference
        ? `Fail attempt: not one step follows the way of the ${reference}`
        : 'Fail attempt: not one step was an action'
    case 'infrastructure':
      return `Others: the environment failed${sign ? ` (${sign.slice(0, LONGEST_QUOTE)})` : ''}`
    case 'unresolved':
      return reference
        ? `Others: the episode left the way of the ${reference} and did not come back`
        : 'Others: no rule fits'
  }
}

function where({ steps }: FailureTrace, { keyStep }: Omit<Diagnosis, 'summary'>): string {
  const step = keyStep === null ? undefined : steps[keyStep - 1]
  if (!step) return '.'
  const failed = step.error === undefined ? '' : ` (it failed: ${step.error.slice(0, LONGEST_QUOTE)})`
  return `. Key step ${keyStep}: ${step.actionText.slice(0, LONGEST_QUOTE)}${failed}`
}

const list = (texts: readonly string[]) =>
  texts.length > 0 ? texts.map((text) => text.replace(/\.$/, '')).join('; ') : 'none'
const quote = (text: string) => JSON.stringify(text.slice(0, LONGEST_QUOTE))
const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`)
