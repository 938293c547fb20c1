// Tasks and pages for the evaluators' tests: a task from its eval part, pages with fixed text, and where the golden
// outputs of the published evaluators lie.
import { existsSync, readFileSync } from 'node:fs'
import type { LocatedValue, PageAccess } from '../../lib/tasks/pages.ts'
import { type EvalSpec, type Task, task as taskSchema } from '../../lib/tasks/task.ts'

const golden = new URL('../../../shared/webarena/', import.meta.url)
export const goldenMissing = !existsSync(golden)
export const GOLDEN_HINT =
  'golden outputs of the published evaluators are not here: put them in ../shared/webarena'
export const readGolden = (name: string) => JSON.parse(readFileSync(new URL(name, golden), 'utf8'))

export const taskWith = (spec: Partial<EvalSpec>, extra: Partial<Task> = {}): Task =>
  taskSchema.parse({
    sites: ['shop'],
    task_id: 1,
    require_login: false,
    storage_state: null,
    start_url: 'http://shop.test/',
    geolocation: null,
    intent_template: '',
    instantiation_dict: {},
    intent: 'what?',
    require_reset: false,
    intent_template_id: 0,
    eval: {
      eval_types: ['string_match'],
      reference_answers: null,
      reference_url: '',
      program_html: [],
      ...spec,
    },
    ...extra,
  })

export interface FakePage {
  html?: string
  /** What expressions come to; a function runs, and may throw LocatorError. */
  values?: Record<string, LocatedValue | (() => LocatedValue)>
}

/** Pages by address; every read is put down in `log`. */
export function fakePages(
  last: string,
  pages: Record<string, FakePage> = {},
  log: string[] = [],
): PageAccess {
  const page = (url: string) => {
    const { html = `<p>${url}</p>`, values = {} } = pages[url] ?? {}
    return {
      url,
      html: async () => {
        log.push(`html ${url}`)
        return html
      },
      evaluate: async (expression: string) => {
        log.push(`${expression} ${url}`)
        const value = values[expression]
        return typeof value === 'function' ? value() : value
      },
    }
  }
  return {
    last: async () => page(last),
    open: async (url) => {
      log.push(`open ${url}`)
      return page(url)
    },
    tabs: async () => [last],
  }
}
