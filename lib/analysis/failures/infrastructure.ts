/** Whether the environment, and not the agent, ended or spoiled an episode. */
import type { FailureTrace } from './diagnosis.ts'

const BROKEN_ADDRESS = /^(chrome-error|about:neterror)/
const BROKEN_TEXT =
  /\b(5\d\d (internal server error|bad gateway|service unavailable|gateway time-?out)|internal server error|bad gateway|service (temporarily )?unavailable|gateway time-?out|err_[a-z]+_[a-z_]+|this site can.t be reached|aw, snap)\b/i
const BROKEN_ACTION =
  /\bnet::err_|\berr_[a-z]+_[a-z_]+|(page|browser|target|context)( has been)? (closed|crashed|destroyed)|target closed/i
/** A page that only tells of an error is short; a forum may well speak of one. Characters without markup. */
const ERROR_PAGE = 600

/**
 * The step at which the environment broke, from 0, and what it showed; undefined where it did not. A broken page that
 * the agent got out of again is a detour.
 */
export function brokenAt({ steps, end }: FailureTrace): { step: number; sign: string } | undefined {
  let first = steps.length
  while (first > 0 && isBroken(steps[first - 1] as FailureTrace['steps'][number])) first--
  if (first < steps.length) {
    const page = steps[first] as FailureTrace['steps'][number]
    const sign = BROKEN_TEXT.exec(textOf(page.pageText))?.[0] ?? page.url
    return { step: Math.max(0, first - 1), sign }
  }
  const failed = steps.at(-1)?.error
  if (failed !== undefined && BROKEN_ACTION.test(failed)) return { step: steps.length - 1, sign: failed }
  if (end !== 'error') return undefined
  return { step: Math.max(0, steps.length - 1), sign: steps.at(-1)?.error ?? 'the environment failed' }
}

function isBroken({ url, pageText }: FailureTrace['steps'][number]): boolean {
  if (BROKEN_ADDRESS.test(url)) return true
  const text = textOf(pageText)
  return text.length <= ERROR_PAGE && BROKEN_TEXT.test(text)
}

function textOf(pageText: string): string {
  return pageText
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
