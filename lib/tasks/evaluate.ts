/**
 * Scores an ended episode by WebArena's scheme: string_match, url_match and program_html, the score their
 * product. Texts are compared as in matchers.ts; fuzzy_match asks a judge and is an error without one.
 */
import { LocatablePage } from './locator.ts'
import { exactMatch, mustExclude, mustInclude, requiredValue, urlMatch } from './matchers.ts'
import type { ProgramHtml, Task } from './task.ts'

/** What an evaluator may look at; a browser session is one. `peek` must not move the agent's page. */
export interface PageAccess {
  snapshot(): Promise<{ url: string; html: string }>
  peek(url: string): Promise<{ url: string; html: string }>
}

/** Is `answer` as good as `reference` for this intent? `note` is the task's string_note. */
export type Judge = (question: {
  intent: string
  reference: string
  answer: string
  note?: string
}) => Promise<boolean>

export interface Evidence {
  /** The message of exit, '' where the agent never said anything. */
  answer: string
  pages: PageAccess
  judge?: Judge
}

export interface Check {
  type: 'string_match' | 'url_match' | 'program_html'
  passed: boolean
  /** What was compared, in one line. */
  detail: string
}

export interface Evaluation {
  /** 1 when every check passed, else 0. */
  score: 0 | 1
  checks: Check[]
}

export class EvaluationError extends Error {
  readonly code = 'EVALUATION'
  override name = 'EvaluationError'
}

export async function evaluate(task: Task, evidence: Evidence): Promise<Evaluation> {
  const checks: Check[] = []
  const { eval: spec } = task
  for (const type of spec.eval_types) {
    if (type === 'string_match') checks.push(...(await stringChecks(task, evidence)))
    else if (type === 'url_match') {
      if (!spec.reference_url) throw unusable(task, 'url_match needs a reference_url')
      const { url } = await evidence.pages.snapshot()
      const passed = urlMatch(spec.reference_url, url, spec.url_note)
      checks.push({ type, passed, detail: `${url} against ${spec.reference_url}` })
    } else {
      if (spec.program_html.length === 0) throw unusable(task, 'program_html needs at least one target')
      checks.push(...(await pageChecks(task, evidence)))
    }
  }
  return { score: checks.every((check) => check.passed) ? 1 : 0, checks }
}

const unusable = (task: Task, why: string): EvaluationError =>
  new EvaluationError(`task ${task.task_id} cannot be scored: ${why}`)

interface Contents {
  exact_match?: string | undefined
  must_include?: string | string[] | undefined
  must_exclude?: string[] | undefined
  required_values?: string[] | undefined
  one_of?: string[] | undefined
  fuzzy_match?: string | string[] | undefined
}

/** Every stated requirement on one text. A bare string where a list is expected counts as a list of one. */
async function compare(task: Task, wanted: Contents, text: string, judge: Judge | undefined) {
  const out: { passed: boolean; what: string }[] = []
  const add = (what: string, passed: boolean) => out.push({ what, passed })
  const list = (value: string | string[] | undefined) => (typeof value === 'string' ? [value] : (value ?? []))
  if (wanted.exact_match !== undefined)
    add(`is "${wanted.exact_match}"`, exactMatch(wanted.exact_match, text))
  for (const one of list(wanted.must_include)) add(`includes "${one}"`, mustInclude(one, text))
  for (const one of list(wanted.must_exclude)) add(`excludes "${one}"`, mustExclude(one, text))
  for (const one of list(wanted.required_values)) add(`is ${one}`, requiredValue(one, text))
  if (wanted.one_of)
    add(
      `includes one of "${wanted.one_of.join('", "')}"`,
      wanted.one_of.some((one) => mustInclude(one, text)),
    )
  if (wanted.fuzzy_match !== undefined) {
    if (!judge) throw unusable(task, 'fuzzy_match needs a judge and none was given')
    const reference = list(wanted.fuzzy_match).join(', ')
    const note = task.eval.string_note
    add(
      `means "${reference}"`,
      await judge({ intent: task.intent, reference, answer: text, ...(note ? { note } : {}) }),
    )
  }
  if (out.length === 0) throw unusable(task, 'a check states nothing to compare with')
  return out
}

const short = (text: string): string =>
  text.length > 80 ? `${Array.from(text).slice(0, 80).join('')}...` : text

async function stringChecks(task: Task, { answer, judge }: Evidence): Promise<Check[]> {
  const wanted = task.eval.reference_answers
  if (!wanted) throw unusable(task, 'string_match needs reference_answers')
  const results = await compare(task, wanted, answer, judge)
  return results.map(({ passed, what }) => ({
    type: 'string_match',
    passed,
    detail: `answer "${short(answer)}" ${what}`,
  }))
}

async function pageChecks(task: Task, { pages, judge }: Evidence): Promise<Check[]> {
  const seen = new Map<string, LocatablePage>()
  const open = async (target: ProgramHtml): Promise<LocatablePage> => {
    if (target.url.startsWith('func:')) throw unusable(task, `no helper for the address ${target.url}`)
    const page = seen.get(target.url)
    if (page) return page
    const { html } = await (target.url === 'last' ? pages.snapshot() : pages.peek(target.url))
    const fresh = new LocatablePage(html)
    seen.set(target.url, fresh)
    return fresh
  }
  const checks: Check[] = []
  for (const target of task.eval.program_html) {
    const text = (await open(target)).read(target.locator)
    for (const { passed, what } of await compare(task, target.required_contents, text, judge)) {
      checks.push({
        type: 'program_html',
        passed,
        detail: `${target.url} ${target.locator || 'page'}: "${short(text)}" ${what}`,
      })
    }
  }
  return checks
}
