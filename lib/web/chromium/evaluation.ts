/**
 * A Chromium page as evaluators see it: its address, its DOM as text, and the value of an expression. Every call has
 * a deadline; what the page does wrong is LocatorError, what the browser does wrong EnvironmentError.
 */
import type { Page } from 'playwright-core'
import { LocatorError } from '../../tasks/locator.ts'
import type { EvaluationPage, LocatedValue } from '../../tasks/pages.ts'
import { EnvironmentError } from '../errors.ts'
import { within } from './deadline.ts'

export function evaluationPage(page: Page, ms: number, signal: AbortSignal | undefined): EvaluationPage {
  return {
    get url() {
      return page.url()
    },
    html: () => within(`reading ${page.url()}`, page.content(), ms, signal),
    async evaluate(expression) {
      // The published evaluators evaluate "() => EXPRESSION"; the line break ends a comment in it.
      const work = page.evaluate<unknown>(`(() => (${expression}\n))()`)
      try {
        return located(await within(`evaluating ${expression}`, work, ms, signal), 0)
      } catch (cause) {
        if (cause instanceof EnvironmentError || signal?.aborted) throw cause
        const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
        if (page.isClosed() || !page.context().browser()?.isConnected()) {
          throw new EnvironmentError(`the page of an evaluator is gone: ${message}`, { cause })
        }
        throw new LocatorError(`${expression} failed on ${page.url()}: ${message}`, { cause })
      }
    },
  }
}

const DEPTH = 100

/** JSON's values and undefined; dates, regular expressions, bigints and the like become their text. */
function located(value: unknown, depth: number): LocatedValue {
  if (value === null || value === undefined) return value
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (depth > DEPTH) return undefined
  if (Array.isArray(value)) return value.map((one) => located(one, depth + 1))
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, located(one, depth + 1)]))
  }
  return String(value)
}
