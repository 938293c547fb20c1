/**
 * The embedded suite's own rules, lenient where the published ones are accidental: outer blanks and quotes never
 * matter, a reference is found anywhere in a text, every stated requirement counts. Training results depend on them,
 * so they stay as they are; pages are read from their HTML, no script runs.
 */
import { LocatablePage } from '../locator.ts'
import type { ProgramHtml, Task } from '../task.ts'
import { type Check, EvaluationError, type Evidence, type Judge, short } from './contract.ts'
import { OR } from './text.ts'
import { exactUrl } from './urls.ts'

/** Lower case, blanks trimmed, one pair of surrounding quotes dropped. */
export function cleanText(text: string): string {
  const trimmed = text.trim()
  const quoted = trimmed.length >= 2 && /^(['"])[\s\S]*\1$/.test(trimmed)
  return (quoted ? trimmed.slice(1, -1) : trimmed).toLowerCase()
}

export function isSame(reference: string, text: string): boolean {
  return cleanText(reference) === cleanText(text)
}

/** The text contains one of the " |OR| " alternatives. */
export function includes(reference: string, text: string): boolean {
  const clean = cleanText(text)
  return reference.split(OR).some((one) => clean.includes(cleanText(one)))
}

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  '<=': (a, b) => a <= b + 1e-8,
  '>=': (a, b) => a >= b - 1e-8,
  '==': (a, b) => Math.abs(a - b) <= 1e-8,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
}

/** An expression such as ">= 12 |OR| == 3" against a text that is one whole number (commas allowed). */
export function hasValue(expression: string, text: string): boolean {
  const digits = text.trim().replaceAll(',', '')
  if (!/^[+-]?\d+$/.test(digits)) return false
  return expression.split(OR).some((one) => {
    const parts = /^\s*(<=|>=|==|<|>)\s*([+-]?\d+(?:\.\d+)?)\s*$/.exec(one)
    if (!parts)
      throw new EvaluationError(`required_values expects an expression such as ">= 12", received "${one}"`)
    return COMPARE[parts[1] as string]?.(Number(digits), Number(parts[2])) ?? false
  })
}

/** All checks of a task; what it needs and lacks is an EvaluationError. */
export async function embeddedChecks(task: Task, evidence: Evidence): Promise<Check[]> {
  const checks: Check[] = []
  for (const type of task.eval.eval_types) {
    if (type === 'string_match') checks.push(...(await answerChecks(task, evidence)))
    else if (type === 'url_match') checks.push(await urlCheck(task, evidence))
    else checks.push(...(await pageChecks(task, evidence)))
  }
  return checks
}

async function urlCheck(task: Task, { pages }: Evidence): Promise<Check> {
  const { url } = await pages.last()
  const reference = task.eval.reference_url ?? ''
  const passed = exactUrl(reference, url, task.eval.url_note)
  return { type: 'url_match', passed, detail: `${url} against ${reference}` }
}

interface Contents {
  exact_match?: string | undefined
  must_include?: string | string[] | undefined
  must_exclude?: string[] | undefined
  required_values?: string[] | undefined
  one_of?: string[] | undefined
  fuzzy_match?: string | string[] | undefined
}

/** Every stated requirement on one text. */
async function compare(task: Task, wanted: Contents, text: string, judge: Judge | undefined) {
  const out: { passed: boolean; what: string }[] = []
  const add = (what: string, passed: boolean) => out.push({ what, passed })
  const list = (value: string | string[] | undefined) => (typeof value === 'string' ? [value] : (value ?? []))
  if (wanted.exact_match !== undefined) add(`is "${wanted.exact_match}"`, isSame(wanted.exact_match, text))
  for (const one of list(wanted.must_include)) add(`includes "${one}"`, includes(one, text))
  for (const one of list(wanted.must_exclude)) add(`excludes "${one}"`, !includes(one, text))
  for (const one of list(wanted.required_values)) add(`is ${one}`, hasValue(one, text))
  if (wanted.one_of) {
    const found = wanted.one_of.some((one) => includes(one, text))
    add(`includes one of "${wanted.one_of.join('", "')}"`, found)
  }
  if (wanted.fuzzy_match !== undefined) {
    if (!judge) throw unusable(task, 'fuzzy_match needs a judge and none was given')
    const reference = list(wanted.fuzzy_match).join(', ')
    const note = task.eval.string_note
    const question = { kind: 'fuzzy', intent: task.intent, reference, answer: text } as const
    add(`means "${reference}"`, await judge({ ...question, ...(note ? { note } : {}) }))
  }
  if (out.length === 0) throw unusable(task, 'a check states nothing to compare with')
  return out
}

const unusable = (task: Task, why: string): EvaluationError =>
  new EvaluationError(`task ${task.task_id} cannot be scored: ${why}`)

async function answerChecks(task: Task, { answer, judge }: Evidence): Promise<Check[]> {
  const results = await compare(task, task.eval.reference_answers ?? {}, answer, judge)
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
    const known = seen.get(target.url)
    if (known) return known
    const page = await (target.url === 'last' ? pages.last() : pages.open(target.url))
    const fresh = new LocatablePage(await page.html())
    seen.set(target.url, fresh)
    return fresh
  }
  const checks: Check[] = []
  for (const target of task.eval.program_html) {
    const text = (await open(target)).read(target.locator)
    for (const { passed, what } of await compare(task, target.required_contents, text, judge)) {
      const detail = `${target.url} ${target.locator || 'page'}: "${short(text)}" ${what}`
      checks.push({ type: 'program_html', passed, detail })
    }
  }
  return checks
}
