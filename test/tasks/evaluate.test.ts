/** The embedded suite's rules: each matcher, their product, and tasks that cannot be scored in any dialect. */
import { describe, expect, test } from 'vitest'
import { DIALECT_NAMES, evaluate, type Judge } from '../../lib/tasks/evaluate.ts'
import { hasValue, includes, isSame } from '../../lib/tasks/evaluators/embedded.ts'
import { exactUrl } from '../../lib/tasks/evaluators/urls.ts'
import { LocatablePage } from '../../lib/tasks/locator.ts'
import { type EvalSpec, task as taskSchema } from '../../lib/tasks/task.ts'
import { taskWith } from './kit.ts'

const HTML = `<title>t</title><main><h1>Order 4</h1><p id="s"> shipped <b>now</b></p><ul><li>a<li>b</ul>
  <input name="town" value="Dover"><select id="k"><option>x<option selected value="2">y</select><textarea>long</textarea></main>`
const pageOf = (url: string, html: string) => ({
  url,
  html: async () => html,
  evaluate: async (expression: string) => new LocatablePage(html).read(expression),
})
const pages = {
  last: async () => pageOf('http://shop.test/orders/4?a=1', HTML),
  open: async (url: string) => pageOf(url, `<p id="url">${url}</p>`),
  tabs: async () => ['http://shop.test/orders/4?a=1'],
}
const EMBEDDED = { dialect: 'embedded' } as const
const score = async (spec: Partial<EvalSpec>, answer = '', judge?: Judge) =>
  (await evaluate(taskWith(spec), { answer, pages, ...(judge ? { judge } : {}) }, EMBEDDED)).score

describe('matchers', () => {
  test('exact_match folds case, outer blanks and one pair of quotes', () => {
    expect(isSame('Red Lamp', ' "red lamp" ')).toBe(true)
    expect(isSame('red lamp', 'red lamp.')).toBe(false)
    expect(isSame('"', '"')).toBe(true)
  })
  test('must_include takes alternatives', () => {
    expect(includes('nikon |OR| olympus', 'An Olympus camera')).toBe(true)
    expect(includes('canon', 'An Olympus camera')).toBe(false)
  })
  test('required_values compares whole numbers', () => {
    expect(hasValue('>= 1200', '1,200')).toBe(true)
    expect(hasValue('< 5 |OR| == 7', '7')).toBe(true)
    expect(hasValue('> 5', 'five')).toBe(false)
    expect(() => hasValue('about 5', '5')).toThrow(/">= 12"/)
  })
  test('url_match', () => {
    expect(exactUrl('http://localhost:1/a/', 'http://127.0.0.1:1/a', undefined)).toBe(true)
    expect(exactUrl('http://x/a', 'http://x/a?b=1', undefined)).toBe(false)
    expect(exactUrl('http://y/ |OR| http://x/a', 'http://x/a?b=1', 'GOLD in PRED')).toBe(true)
    expect(() => exactUrl('a', 'a', 'else')).toThrow(/url_note/)
  })
})

describe('locators', () => {
  const page = new LocatablePage(HTML)
  test.each([
    [`document.querySelector('#s').innerText`, 'shipped now'],
    [`document.querySelector("#s").outerText`, 'shipped now'],
    [`document.querySelector('#s').textContent`, ' shipped now'],
    [`document.querySelector('ul').innerText`, 'a\nb'],
    [`document.querySelector('[name="town"]').value`, 'Dover'],
    [`document.querySelector('#k').value`, '2'],
    [`document.querySelector('textarea').value`, 'long'],
    [`document.querySelector('.none').innerText`, ''],
    ['', HTML],
  ])('%s', (locator, expected) => expect(page.read(locator)).toBe(expected))

  test('other scripts are refused, never run', () => {
    expect(() => page.read('fetch("x")')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_LOCATOR' }))
    expect(() => page.read(`document.querySelector('#s['').innerText`)).toThrow(/selector/)
  })
})

describe('score', () => {
  test('is the product of the checks', async () => {
    const spec: Partial<EvalSpec> = {
      eval_types: ['string_match', 'url_match', 'program_html'],
      reference_answers: { must_include: 'ship', must_exclude: ['cancel'] },
      reference_url: '/orders/4',
      url_note: 'GOLD in PRED',
      program_html: [
        {
          url: 'last',
          locator: `document.querySelector('h1').innerText`,
          required_contents: { exact_match: 'order 4' },
        },
        { url: 'http://shop.test/x', locator: '', required_contents: { must_include: ['shop.test/x'] } },
      ],
    }
    expect(await score(spec, 'It was shipped')).toBe(1)
    expect(await score(spec, 'shipped, not cancelled')).toBe(0)
    expect(await score({ ...spec, reference_url: '/orders/5' }, 'shipped')).toBe(0)
    const { checks } = await evaluate(
      taskWith({ ...spec, reference_url: '/orders/5' }),
      {
        answer: 'shipped',
        pages,
      },
      EMBEDDED,
    )
    expect(checks.filter((check) => !check.passed).map((check) => check.type)).toEqual(['url_match'])
  })

  test('several requirements on one answer all count', async () => {
    const reference_answers = { exact_match: '12', required_values: ['> 10'], one_of: ['12', '13'] }
    expect(await score({ reference_answers }, '12')).toBe(1)
    expect(
      await score({ reference_answers: { ...reference_answers, required_values: ['> 20'] } }, '12'),
    ).toBe(0)
  })

  test('fuzzy_match asks the judge, and is an error without one', async () => {
    const asked: unknown[] = []
    const judge: Judge = async (question) => {
      asked.push(question)
      return question.answer === 'yes'
    }
    const spec = { reference_answers: { fuzzy_match: ['a', 'b'] }, string_note: 'n' }
    expect(await score(spec, 'yes', judge)).toBe(1)
    expect(await score(spec, 'no', judge)).toBe(0)
    expect(asked[0]).toEqual({
      kind: 'fuzzy',
      intent: 'what?',
      reference: 'a, b',
      answer: 'yes',
      note: 'n',
    })
    await expect(score(spec, 'yes')).rejects.toMatchObject({ code: 'EVALUATION' })
  })

  test('a task that states nothing to check cannot pass by accident', async () => {
    await expect(score({})).rejects.toThrow(/reference_answers/)
    await expect(score({ reference_answers: {} })).rejects.toThrow(/nothing to compare/)
    await expect(score({ eval_types: ['program_html'] })).rejects.toThrow(/at least one target/)
    await expect(score({ eval_types: ['url_match'] })).rejects.toThrow(/reference_url/)
    const func = [{ url: 'func:f()', locator: '', required_contents: { exact_match: 'x' } }]
    await expect(score({ eval_types: ['program_html'], program_html: func })).rejects.toThrow(/no helper/)
    for (const dialect of DIALECT_NAMES) {
      for (const spec of [
        {},
        { reference_answers: {} },
        { eval_types: ['program_html' as const] },
        { eval_types: ['url_match' as const] },
        { eval_types: ['page_image_query' as const] },
      ]) {
        await expect(evaluate(taskWith(spec), { answer: '', pages }, { dialect })).rejects.toMatchObject({
          code: 'EVALUATION',
        })
      }
    }
  })

  test('a task that names no site does not validate', () => {
    const result = taskSchema.safeParse({
      ...taskWith({ reference_answers: { exact_match: 'x' } }),
      sites: [],
    })
    expect(result.error?.issues[0]?.message).toBe('a task names at least one site')
  })
})
