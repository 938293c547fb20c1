/**
 * string_match in a published dialect: the agent's answer against reference_answers. Every requirement is checked,
 * and every question asked, even when the score is already 0, as published.
 */
import type { Task } from '../task.ts'
import { type Check, EvaluationError, type Evidence, type Judge, type Question, short } from './contract.ts'
import type { Dialect, Requirement } from './dialects.ts'
import { cleanAnswer, exactMatch, mustExclude, mustInclude, OR, requiredValue, wholeNumber } from './text.ts'

export interface Scoring {
  task: Task
  dialect: Dialect
  evidence: Evidence
  /** Refuse what the published evaluator's assertions refuse, instead of repairing it. */
  stock: boolean
}

/** A list where one is expected; a bare string (task 81 of WebArena-Lite) is repaired as a list of one. */
export function listOf(value: unknown, what: string, { task, stock }: Scoring): string[] {
  if (typeof value === 'string' && !stock) return [value]
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string')) {
    throw new EvaluationError(
      `task ${task.task_id}: ${what}: expected a list of texts, received ${JSON.stringify(value)}`,
      { upstream: 'AssertionError' },
    )
  }
  return value
}

export function judgeOf({ task, evidence }: Scoring): Judge {
  if (evidence.judge) return evidence.judge
  throw new EvaluationError(
    `task ${task.task_id} cannot be scored: fuzzy_match needs a judge and none was given`,
  )
}

export async function stringChecks(scoring: Scoring): Promise<Check[]> {
  const { task, dialect, evidence } = scoring
  const wanted = Object.entries(task.eval.reference_answers ?? {}).filter(([, value]) => value !== undefined)
  if (wanted.length === 0) {
    throw new EvaluationError(`task ${task.task_id} cannot be scored: string_match needs reference_answers`)
  }
  const pred = cleanAnswer(evidence.answer, dialect.text)
  let checks: Check[] = []
  const add = (what: string, passed: boolean) =>
    checks.push({ type: 'string_match', passed, detail: `answer "${short(evidence.answer)}" ${what}` })
  const ask = async (question: Omit<Question, 'intent' | 'answer'>) =>
    judgeOf(scoring)({ ...question, intent: task.intent, answer: pred })

  for (const [requirement, value] of wanted) {
    if (!dialect.answerRequirements.includes(requirement as Requirement)) {
      throw new EvaluationError(
        `task ${task.task_id}: reference_answers: the dialect "${dialect.name}" knows ${dialect.answerRequirements.join(', ')}, received ${requirement}`,
      )
    }
    const list = () => listOf(value, `reference_answers.${requirement}`, scoring)
    switch (requirement as Requirement) {
      case 'exact_match':
        add(`is "${value}"`, exactMatch(value as string, pred, dialect.text))
        break
      case 'must_include': {
        const references = list()
        const words = dialect.answerWords(references.length)
        for (const one of references) {
          const alternatives = dialect.answerAlternatives ? one.split(OR) : [one]
          add(
            `includes "${one}"`,
            alternatives.some((ref) => mustInclude(ref, pred, dialect.text, words)),
          )
        }
        break
      }
      case 'must_exclude':
        for (const one of list()) add(`excludes "${one}"`, mustExclude(one, pred, dialect.text))
        break
      case 'required_values': {
        const number = wholeNumber(pred)
        for (const one of list()) add(`is ${one}`, number !== undefined && requiredValue(one, number))
        break
      }
      case 'one_of': {
        const choices = list()
        const found = choices.some((one) => pred.includes(cleanAnswer(one, dialect.text)))
        add(`includes one of "${choices.join('", "')}"`, found)
        break
      }
      case 'fuzzy_match': {
        if (value === 'N/A') {
          add('is "N/A"', exactMatch(value, pred, dialect.text))
          if (checks.every((check) => check.passed)) break
          // The published score is overwritten here: what was found before no longer counts.
          checks = []
          const reference = task.eval.string_note
          if (typeof reference !== 'string') {
            throw new EvaluationError(
              `task ${task.task_id} cannot be scored: fuzzy_match "N/A" needs a string_note`,
              {
                upstream: 'BeartypeCallHintParamViolation',
              },
            )
          }
          add(`says why it cannot be done: "${reference}"`, await ask({ kind: 'ua', reference }))
          break
        }
        const references = dialect.fuzzyAnswer === 'joined' ? [list().join(', ')] : list()
        for (const reference of references) {
          add(`means "${reference}"`, await ask({ kind: 'fuzzy', reference }))
        }
      }
    }
  }
  return checks
}
