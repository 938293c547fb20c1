/**
 * What a template author writes with: actions by visible name, evaluation specs, and the questions milestone
 * oracles ask of a view.
 */
import { type EvalSpec, type ProgramHtml, SITE_NAMES, type SiteName } from '../tasks/task.ts'
import type { Action } from '../web/action.ts'
import type { OracleView } from './kit.ts'

export const click = (element: string | number): Action => ({ kind: 'click', element: String(element) })
export const typeIn = (element: string, argument: string | number): Action => ({
  kind: 'type',
  element,
  argument: String(argument),
})
export const search = (element: string, argument: string): Action => ({ kind: 'search', element, argument })
export const select = (element: string, argument: string): Action => ({ kind: 'select', element, argument })
export const enter: Action = { kind: 'press_enter' }
/** "done" where nothing is asked for. */
export const exit = (message: string | number = 'done'): Action => ({
  kind: 'exit',
  message: String(message),
})

/** The `next` clicks that bring the row at `index` (from 0) of a list into view. */
export const turnTo = (index: number, size: number): Action[] =>
  Array.from({ length: Math.floor(index / size) }, () => click('next'))

const NOTHING: EvalSpec = {
  eval_types: ['string_match'],
  reference_answers: null,
  reference_url: '',
  program_html: [],
}

/** The answer, word for word (case and outer quotes aside). */
export function answerIs(answer: string | number): EvalSpec {
  return { ...NOTHING, reference_answers: { exact_match: String(answer) } }
}

/** Every check must hold on the pages as they are when the episode has ended. */
export function pagesShow(checks: ProgramHtml[]): EvalSpec {
  return { ...NOTHING, eval_types: ['program_html'], program_html: checks }
}

/** One check: the text of the first element that matches `selector` on `url` is exactly `text`. */
export function textIs(url: string, selector: string, text: string | number): ProgramHtml {
  return {
    url,
    locator: `document.querySelector('${selector}').innerText`,
    required_contents: { exact_match: String(text) },
  }
}

/** Which site a page belongs to: the first label of its host, in process and on loopback alike. */
export function siteAt(url: string): SiteName | undefined {
  const label = new URL(url).hostname.split('.')[0]
  return SITE_NAMES.find((name) => name === label)
}

/** The page shown is on `site` and its path and query match. */
export function at(view: OracleView, site: SiteName, path: string | RegExp): boolean {
  const url = new URL(view.page.url)
  if (siteAt(view.page.url) !== site) return false
  const here = url.pathname + url.search
  return typeof path === 'string' ? here === path : path.test(here)
}

/** The agent has ended the episode, whatever it said. */
export const ended = (view: OracleView): boolean => view.answer !== undefined

/** The agent has ended the episode with this answer. */
export const answered = (view: OracleView, answer: string | number): boolean =>
  view.answer?.trim().toLowerCase() === String(answer).toLowerCase()
