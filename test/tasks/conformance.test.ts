/**
 * The test cases of WebArena's and VisualWebArena's own evaluator tests that can be put to a page of our own instead
 * of a live site: the same answers, addresses, values and requirements, with the verdicts stated there.
 */
import { expect, test } from 'vitest'
import { type DialectName, evaluate } from '../../lib/tasks/evaluate.ts'
import type { EvalSpec } from '../../lib/tasks/task.ts'
import { type FakePage, fakePages, taskWith } from './kit.ts'

const SEARCH = 'https://www.google.com/'
const EXERCISE = 'https://russmaxdesign.github.io/exercise'
const NAME = `document.querySelector('[id="form-name"').value`
const EMAIL = `document.querySelector('[id="form-email"').value`

/** The form's page, filled in or not; and a search page. */
const web = (name: string, email: string): Record<string, FakePage> => ({
  [EXERCISE]: { html: '<h2>What are mammals?</h2>', values: { [NAME]: name, [EMAIL]: email } },
  [SEARCH]: { html: '<input value="Google Search">' },
})
const form = ['Hello World', 'alexisxy@hotmail.com'] as const
const filled = (contents: 'must_include' | 'exact_match'): EvalSpec['program_html'] =>
  [NAME, EMAIL].map((locator, i) => ({
    url: 'last',
    locator,
    required_contents: { [contents]: contents === 'must_include' ? [form[i]] : form[i] },
  }))
const content: EvalSpec['program_html'] = [
  { url: 'last', locator: '', required_contents: { must_include: ['What are mammals?'] } },
  {
    url: SEARCH,
    locator: '',
    required_contents: { must_include: ['Google Search'], must_exclude: ['Google Search'] },
  },
]

interface Case {
  name: string
  spec: Partial<EvalSpec>
  answer?: string
  at?: string
  pages?: Record<string, FakePage>
  score: 0 | 1
  dialects?: DialectName[]
}

const date = (day: string): Partial<EvalSpec> => ({ reference_answers: { must_include: [day] } })
const html = (program_html: EvalSpec['program_html']): Partial<EvalSpec> => ({
  eval_types: ['program_html'],
  program_html,
})

const CASES: Case[] = [
  { name: 'string_match', spec: date('1985/04/18'), answer: 'The date is 1985/04/18', score: 1 },
  { name: 'string_match fails', spec: date('1985/04/18'), answer: 'The date is 1936/04/18', score: 0 },
  {
    name: 'string_match with must_exclude',
    spec: { reference_answers: { must_include: ['1985/04/18'], must_exclude: ['1985/04/17'] } },
    answer: 'The date is 1985/04/18',
    score: 1,
    dialects: ['vab'],
  },
  {
    name: 'url_match',
    spec: { eval_types: ['url_match'], reference_url: SEARCH },
    at: SEARCH,
    score: 1,
  },
  {
    name: 'url_match fails',
    spec: { eval_types: ['url_match'], reference_url: SEARCH },
    at: 'https://github.com/web-arena-x',
    score: 0,
  },
  {
    name: 'page content, here and elsewhere',
    spec: html(content),
    at: EXERCISE,
    pages: web('', ''),
    score: 1,
  },
  { name: 'page content fails', spec: html(content), at: SEARCH, pages: web('', ''), score: 0 },
  {
    name: 'values of a form',
    spec: html(filled('must_include')),
    at: EXERCISE,
    pages: web(...form),
    score: 1,
  },
  {
    name: 'values of a form fail',
    spec: html(filled('must_include')),
    at: EXERCISE,
    pages: web('Hello', form[1]),
    score: 0,
  },
  {
    name: 'values of a form with the address',
    spec: {
      ...html(filled('exact_match')),
      eval_types: ['program_html', 'url_match'],
      reference_url: 'https://russmaxdesign.github.io/',
      url_note: 'GOLD in PRED',
    },
    at: EXERCISE,
    pages: web(...form),
    score: 1,
  },
]

const runs = CASES.flatMap((one) =>
  (one.dialects ?? (['vab', 'webarena', 'browsergym'] as const)).map((dialect) => ({ ...one, dialect })),
)

test.each(runs)('$dialect: $name', async ({ spec, answer = '', at = 'http://h/', pages, score, dialect }) => {
  const evidence = { answer, pages: fakePages(at, pages) }
  expect((await evaluate(taskWith(spec), evidence, { dialect })).score).toBe(score)
})

test.each([
  ['a rating and its author', { rating: '100', author: 'cupcakecupcake' }, 1],
  ['another rating', { rating: '80', author: 'cupcakecupcake' }, 0],
] as const)('helpers: %s', async (_, { rating, author }, score) => {
  const target = (name: string, wanted: string) => ({
    url: 'last',
    locator: `func:shopping_get_sku_latest_review_${name}('B09BCM56J7')`,
    required_contents: { must_include: [wanted] },
  })
  const task = taskWith(html([target('rating', rating), target('author', author)]))
  const helpers = {
    shopping_get_sku_latest_review_rating: async () => '100',
    shopping_get_sku_latest_review_author: async () => 'cupcakecupcake',
  }
  const evidence = { answer: '', pages: fakePages('http://h/'), helpers }
  for (const dialect of ['vab', 'webarena', 'browsergym'] as const) {
    expect((await evaluate(task, evidence, { dialect })).score).toBe(score)
  }
})
