/**
 * program_html in a published dialect: for each target a page, a value on it, and what the value has to be. A target
 * that goes somewhere makes that page the current one, which "last" and __last_url__ of later targets then mean.
 */
import { LocatorError, UnsupportedLocatorError } from '../locator.ts'
import type { EvaluationPage, LocatedValue } from '../pages.ts'
import type { ProgramHtml } from '../task.ts'
import { type Check, EvaluationError, short, type UpstreamException } from './contract.ts'
import type { Requirement } from './dialects.ts'
import { parseHelperCall, runHelper } from './helpers.ts'
import { pythonString, strip } from './python.ts'
import { judgeOf, listOf, type Scoring } from './string-match.ts'
import { exactMatch, mustExclude, mustInclude, OR, requiredValue, wholeNumber } from './text.ts'
import { unescapeHtml } from './unescape.ts'

/** @param settle waits after a page was loaded, before it is read */
export async function pageChecks(scoring: Scoring, settle: () => Promise<void>): Promise<Check[]> {
  const { task, evidence } = scoring
  const checks: Check[] = []
  let page = await evidence.pages.last()
  for (const target of task.eval.program_html) {
    const address = await addressOf(target, page, scoring)
    if (address !== 'last') {
      page = await evidence.pages.open(address)
      await settle()
    }
    const found = await locate(target, page, scoring)
    const where = `${target.url} ${strip(target.locator) || 'page'}`
    const add = (what: string, passed: boolean) =>
      checks.push({ type: 'program_html', passed, detail: `${where}: ${what}` })
    if (found === null || found === undefined) {
      add('nothing there', false)
      // What comes after a target that found nothing is not looked at.
      break
    }
    await compare(target, found, scoring, (what, passed) =>
      add(`"${short(pythonString(found))}" ${what}`, passed),
    )
  }
  return checks
}

async function addressOf(
  target: ProgramHtml,
  page: EvaluationPage,
  { task, evidence }: Scoring,
): Promise<string> {
  if (!target.url.startsWith('func:')) return target.url
  const url = await runHelper(parseHelperCall(target.url.slice('func:'.length)), page, evidence.helpers ?? {})
  if (typeof url === 'string' && url !== '') return url
  throw new EvaluationError(
    `task ${task.task_id}: ${target.url}: expected an address, received ${pythonString(url)}`,
  )
}

/** null and undefined mean that the check fails without looking at required_contents. */
async function locate(target: ProgramHtml, page: EvaluationPage, scoring: Scoring): Promise<LocatedValue> {
  const { task, dialect, evidence } = scoring
  const { locator } = target
  const finish = (value: LocatedValue): LocatedValue =>
    dialect.unescapesPages && typeof value === 'string' ? unescapeHtml(value) : value
  if (strip(locator) === '') return finish(await page.html())
  if (locator.startsWith('document.') || locator.startsWith('[...document.')) {
    await prepare(target, page)
    try {
      return finish(pythonString(await page.evaluate(locator)))
    } catch (error) {
      if (!threwOnPage(error)) throw error
      return dialect.failedLocator === 'empty' ? '' : null
    }
  }
  if (dialect.lambdas && locator.startsWith('lambda:')) {
    // Published as lstrip("lambda:"), which drops these letters and not the word.
    const body = locator.replace(/^[lambd:]+/, '').replace(/[;\s]+$/, '')
    try {
      const value = await page.evaluate(
        `((value) => (typeof value === 'function' ? value() : value))(${body})`,
      )
      return isFalsy(value) ? null : value
    } catch (error) {
      if (!threwOnPage(error)) throw error
      return null
    }
  }
  if (locator.startsWith('func:')) {
    const call = parseHelperCall(locator.slice('func:'.length))
    return finish(await runHelper(call, page, evidence.helpers ?? {}))
  }
  throw new EvaluationError(
    `task ${task.task_id}: locator: expected "", document..., [...document...${dialect.lambdas ? ', lambda:...' : ''} or func:..., received ${JSON.stringify(locator)}`,
    { upstream: 'ValueError' },
  )
}

/** Actions on the page before it is read; the first that throws ends them, as published. */
async function prepare(target: ProgramHtml, page: EvaluationPage): Promise<void> {
  try {
    for (const action of target.prep_actions ?? []) await page.evaluate(action)
  } catch (error) {
    if (!threwOnPage(error)) throw error
  }
}

const threwOnPage = (error: unknown): boolean =>
  error instanceof LocatorError && !(error instanceof UnsupportedLocatorError)

/** What Python takes for false. */
function isFalsy(value: LocatedValue): boolean {
  if (value === null || value === undefined) return true
  if (Array.isArray(value)) return value.length === 0
  if (typeof value === 'object') return Object.keys(value).length === 0
  return value === '' || value === 0 || value === false
}

async function compare(
  target: ProgramHtml,
  found: Exclude<LocatedValue, null | undefined>,
  scoring: Scoring,
  add: (what: string, passed: boolean) => void,
): Promise<void> {
  const { task, dialect } = scoring
  const contents = target.required_contents as Record<string, unknown>
  const requirement = dialect.pageRequirements.find((one) => contents[one] !== undefined)
  if (!requirement) {
    throw new EvaluationError(
      `task ${task.task_id}: required_contents: the dialect "${dialect.name}" knows ${dialect.pageRequirements.join(', ')}, received ${Object.keys(contents).join(', ') || 'none'}`,
      { upstream: 'ValueError' },
    )
  }
  const value = contents[requirement]
  const refuse = (expected: string, upstream: UpstreamException) =>
    new EvaluationError(
      `task ${task.task_id}: ${requirement} of ${target.locator}: expected ${expected}, received ${pythonString(found)}`,
      { upstream },
    )
  const text = (): string => {
    if (typeof found === 'string') return found
    throw refuse('a text on the page', 'BeartypeCallHintParamViolation')
  }
  const list = () => listOf(value, `required_contents.${requirement}`, scoring)
  switch (requirement satisfies Requirement) {
    case 'exact_match': {
      const takes = dialect.exactTakesNumbers && (typeof found === 'boolean' || Number.isInteger(found))
      add(`is "${value}"`, exactMatch(String(value), takes ? pythonString(found) : text(), dialect.text))
      break
    }
    case 'must_include':
      for (const one of list()) {
        const passed = one.split(OR).some((ref) => mustInclude(ref, text(), dialect.text, dialect.pageWords))
        add(`includes "${one}"`, passed)
      }
      break
    case 'must_exclude':
      for (const one of list()) {
        if (one.includes(OR)) throw refuse('must_exclude without alternatives', 'AssertionError')
        add(`excludes "${one}"`, mustExclude(one, text(), dialect.text))
      }
      break
    case 'required_values': {
      if (typeof found === 'object') throw refuse('a number on the page', 'BeartypeCallHintParamViolation')
      const number = typeof found === 'string' ? wholeNumber(found) : Number(found)
      for (const one of list()) add(`is ${one}`, number !== undefined && requiredValue(one, number))
      break
    }
    case 'fuzzy_match': {
      const reference = list().join(', ')
      const passed = await judgeOf(scoring)({
        kind: 'fuzzy',
        intent: task.intent,
        reference,
        answer: text(),
      })
      add(`means "${reference}"`, passed)
    }
  }
}
