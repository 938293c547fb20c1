/** Where the published evaluators differ, one test per difference: the same evidence under vab, webarena, browsergym. */
import { describe, expect, test, vi } from 'vitest'
import {
  conductOf,
  DIALECTS,
  EvaluationError,
  type Evidence,
  evaluate,
  type Judge,
} from '../../lib/tasks/evaluate.ts'
import { LocatorError, UnsupportedLocatorError } from '../../lib/tasks/locator.ts'
import type { EvalSpec } from '../../lib/tasks/task.ts'
import { fakePages, taskWith } from './kit.ts'

const NAMES = ['vab', 'webarena', 'browsergym'] as const
type Outcome = number | string

/** Scores in the order vab, webarena, browsergym; in place of a score the exception published for it, or the code. */
async function scores(
  spec: Partial<EvalSpec>,
  evidence: Partial<Evidence> = {},
  stock = true,
): Promise<Outcome[]> {
  const one = async (dialect: (typeof NAMES)[number]): Promise<Outcome> => {
    try {
      const given = { answer: '', pages: fakePages('http://h/'), ...evidence }
      return (await evaluate(taskWith(spec), given, { dialect, stock })).score
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      return error.upstream ?? error.code
    }
  }
  return Promise.all(NAMES.map(one))
}
const answered = (reference_answers: EvalSpec['reference_answers'], answer: string) =>
  scores({ reference_answers }, { answer })
const at = (reference_url: string, url: string, url_note?: string) =>
  scores(
    { eval_types: ['url_match'], reference_url, ...(url_note ? { url_note } : {}) },
    { pages: fakePages(url) },
  )
const located = (required_contents: Record<string, unknown>, value: unknown, locator = 'document.title') =>
  scores(
    { eval_types: ['program_html'], program_html: [{ url: 'last', locator, required_contents }] },
    {
      pages: fakePages('http://h/', {
        'http://h/': { values: { [locator]: value as string }, html: String(value) },
      }),
    },
  )

describe('answers', () => {
  test('blanks around an answer count in vab only', async () => {
    expect(await answered({ exact_match: 'Yes' }, ' yes\n')).toEqual([0, 1, 1])
    expect(await answered({ exact_match: ' Yes' }, ' yes')).toEqual([1, 1, 1])
  })
  test('a single token is compared as a word in vab, a single character elsewhere', async () => {
    expect(await answered({ must_include: ['170'] }, '000000170')).toEqual([0, 1, 1])
    expect(await answered({ must_include: ['0'] }, 'it is 10')).toEqual([0, 0, 0])
    expect(await answered({ must_include: ['0'] }, 'it is 0.')).toEqual([1, 1, 1])
  })
  test('of several references WebArena compares none as a word', async () => {
    expect(await answered({ must_include: ['0', '1'] }, '10')).toEqual([0, 1, 1])
  })
  test('parts of a/b are words in vab only, and not for must_exclude', async () => {
    expect(await answered({ must_include: ['b'] }, 'a/b')).toEqual([1, 0, 0])
    expect((await answered({ must_exclude: ['b'] }, 'a/b'))[0]).toBe(1)
  })
  test('" |OR| " means alternatives in vab only', async () => {
    expect(await answered({ must_include: ['65 |OR| 3'] }, 'there are 3')).toEqual([1, 0, 0])
  })
  test('a list for the judge is one question in vab, one per reference elsewhere', async () => {
    const asked: string[] = []
    const judge: Judge = async ({ reference }) => {
      asked.push(reference)
      return reference !== 'b'
    }
    const spec = { reference_answers: { fuzzy_match: ['a', 'b', 'c'] } }
    expect(await scores(spec, { answer: 'x', judge })).toEqual([1, 0, 0])
    expect(asked.sort()).toEqual(['a', 'a', 'a, b, c', 'b', 'b', 'c', 'c'])
  })
  test('fuzzy "N/A" asks for the reason only when the answer is not it, and the reason then decides alone', async () => {
    const asked: unknown[] = []
    const judge: Judge = async (question) => {
      asked.push(question)
      return true
    }
    const spec = {
      reference_answers: { must_include: ['nothing'], fuzzy_match: 'N/A' },
      string_note: 'no such page',
    }
    expect(await scores(spec, { answer: 'Cannot', judge })).toEqual([1, 1, 1])
    expect(asked[0]).toEqual({ kind: 'ua', intent: 'what?', reference: 'no such page', answer: 'cannot' })
    asked.length = 0
    expect(await scores({ reference_answers: { fuzzy_match: 'N/A' } }, { answer: '"n/a"', judge })).toEqual([
      1, 1, 1,
    ])
    expect(asked).toEqual([])
    expect((await scores({ reference_answers: { fuzzy_match: 'N/A' } }, { answer: 'x', judge }))[0]).toBe(
      'BeartypeCallHintParamViolation',
    )
  })
  test('every question is asked even when the score is 0 already', async () => {
    let asked = 0
    const judge: Judge = async () => Boolean(++asked)
    await scores({ reference_answers: { must_include: ['x'], fuzzy_match: ['a'] } }, { answer: 'y', judge })
    expect(asked).toBe(3)
  })
  test('requirements that only vab knows are refused elsewhere', async () => {
    expect(await answered({ required_values: ['> 5'] }, '1,200')).toEqual([1, 'EVALUATION', 'EVALUATION'])
    expect(await answered({ one_of: ['a', 'b'] }, 'cab')).toEqual([1, 'EVALUATION', 'EVALUATION'])
    expect(await answered({ must_exclude: ['cat'] }, 'a cat.')).toEqual([0, 'EVALUATION', 'EVALUATION'])
  })
  test('required_values: tolerance, several conditions, no number, no condition', async () => {
    const vab = async (conditions: string[], answer: string) =>
      (await answered({ required_values: conditions }, answer))[0]
    expect(await vab(['< 5'], '5')).toBe(1)
    expect(await vab(['< 5'], '6')).toBe(0)
    expect(await vab(['>= 12 |OR| == 3', '<= 4'], '3')).toBe(1)
    expect(await vab(['> 5'], '5.5')).toBe(0)
    expect(await vab(['about 5'], '5')).toBe('ValueError')
    expect(await vab(['== five'], '5')).toBe('ValueError')
    expect(await vab(['== 5 |OR| five'], '5')).toBe('ValueError')
  })
  test('a bare string for a list: no score in stock rules, 0 in BrowserGym, a list of one when repaired', async () => {
    const spec = { reference_answers: { must_include: 'yjlou' } }
    expect(await scores(spec, { answer: 'yjlou' })).toEqual(['AssertionError', 'AssertionError', 0])
    expect(await scores(spec, { answer: 'yjlou' }, false)).toEqual([1, 1, 1])
    expect(await scores(spec, { answer: 'xyjlou' }, false)).toEqual([0, 1, 1])
  })
})

describe('addresses', () => {
  test('without a note vab asks for equality, the others for a part', async () => {
    expect(await at('http://h:1/a', 'http://h:1/a/b')).toEqual([0, 1, 1])
    expect(await at('http://h:1/a', 'http://h:1/a/')).toEqual([1, 1, 1])
    expect(await at('http://h:1/a', 'http://h:1/a//')).toEqual([0, 1, 1])
  })
  test('GOLD in PRED compares the whole address in vab, path and query apart elsewhere', async () => {
    const gold = 'http://h:1/a?b=1&c=2'
    expect(await at(gold, 'http://h:1/a?c=2&b=1', 'GOLD in PRED')).toEqual([0, 1, 1])
    expect(await at(gold, 'http://h:1/a?b=1', 'GOLD in PRED')).toEqual([0, 0, 0])
    expect(await at('http://h:1/a?q=x+y', 'http://h:1/a?q=x%20y', 'GOLD in PRED')).toEqual([0, 1, 1])
  })
  test('of query values that alternatives name, one is enough', async () => {
    const gold = 'http://h:1/a?b=1 |OR| http://h:1/a?b=2'
    expect(await at(gold, 'http://h:1/a?b=2', 'GOLD in PRED')).toEqual([1, 1, 1])
    expect(await at(gold, 'http://h:1/a?b=3', 'GOLD in PRED')).toEqual([0, 0, 0])
  })
  test('localhost is 127.0.0.1 in vab only', async () => {
    expect(await at('http://localhost:1/a', 'http://127.0.0.1:1/a', 'GOLD in PRED')).toEqual([1, 0, 0])
  })
  test('EXACT and other notes', async () => {
    expect(await at('http://h/', 'http://h', 'EXACT')).toEqual([1, 'ValueError', 'ValueError'])
    expect(await at('http://h/', 'http://h', 'PRED in GOLD')).toEqual([
      'ValueError',
      'ValueError',
      'ValueError',
    ])
  })
})

describe('pages', () => {
  test('words in vab, parts elsewhere', async () => {
    expect(await located({ must_include: ['Maintain'] }, 'Maintainer')).toEqual([0, 1, 1])
    expect(await located({ must_include: ['x |OR| main |OR| y'] }, 'x/z')).toEqual([1, 1, 1])
  })
  test('character references are resolved in webarena only', async () => {
    expect(await located({ must_include: ['Hello & World'] }, '<h1>Hello &amp; World</h1>', '')).toEqual([
      0, 1, 0,
    ])
    expect(await located({ exact_match: '&amp;' }, '&amp;')).toEqual([1, 0, 1])
  })
  test('the judge is asked about pages in vab and BrowserGym, on the joined list', async () => {
    const asked: string[] = []
    const judge: Judge = async ({ reference, answer }) => asked.push(`${reference}: ${answer}`) > 0
    const spec: Partial<EvalSpec> = {
      eval_types: ['program_html'],
      program_html: [{ url: 'last', locator: '', required_contents: { fuzzy_match: ['a', 'b'] } }],
    }
    const pages = fakePages('http://h/', { 'http://h/': { html: 'A Page' } })
    expect(await scores(spec, { judge, pages })).toEqual([1, 'ValueError', 1])
    expect(asked).toEqual(['a, b: A Page', 'a, b: A Page'])
  })
  test('requirements on pages', async () => {
    expect(await located({ must_exclude: ['Owner'] }, 'Guest')).toEqual([1, 'ValueError', 'ValueError'])
    expect(await located({ must_exclude: ['a |OR| b'] }, 'c')).toEqual([
      'AssertionError',
      'ValueError',
      'ValueError',
    ])
    expect(await located({ required_values: ['> 5'] }, '7')).toEqual([1, 'ValueError', 'ValueError'])
    expect(await located({ weird: ['a'] }, '7')).toEqual(['ValueError', 'ValueError', 'ValueError'])
  })
  test('of several requirements on a page the first known one counts', async () => {
    expect(await located({ must_exclude: ['a'], must_include: ['a'], exact_match: 'a' }, 'a')).toEqual([
      1, 1, 1,
    ])
    expect(await located({ must_exclude: ['a'], must_include: ['a'] }, 'a')).toEqual([1, 1, 1])
  })
  test('values are compared as Python writes them', async () => {
    expect(await located({ exact_match: 'None' }, null)).toEqual([1, 1, 1])
    expect(await located({ exact_match: 'none' }, undefined)).toEqual([1, 1, 1])
    expect(await located({ exact_match: 'True' }, true)).toEqual([1, 1, 1])
    expect(await located({ exact_match: '1' }, 1)).toEqual([1, 1, 1])
    expect(await located({ exact_match: "['a', 1.5, None]" }, ['a', 1.5, null])).toEqual([1, 1, 1])
  })
  test('a locator that throws gives "", and fails in BrowserGym; one the page cannot evaluate is no score', async () => {
    const throws = () => {
      throw new LocatorError('null has no value')
    }
    expect(await located({ exact_match: '' }, throws)).toEqual([1, 1, 0])
    const cannot = () => {
      throw new UnsupportedLocatorError('no scripts here')
    }
    await expect(located({ exact_match: '' }, cannot)).rejects.toMatchObject({ code: 'UNSUPPORTED_LOCATOR' })
  })
  test('lambda: locators are functions; nothing from one is a failure, a number no text', async () => {
    const lambda = 'lambda:() => document.title'
    const expression = `((value) => (typeof value === 'function' ? value() : value))(() => document.title)`
    const run = (value: string | number | null, contents: Record<string, unknown>) =>
      scores(
        {
          eval_types: ['program_html'],
          program_html: [{ url: 'last', locator: lambda, required_contents: contents }],
        },
        { pages: fakePages('http://h/', { 'http://h/': { values: { [expression]: value } } }) },
      )
    expect(await run('t', { exact_match: 't' })).toEqual([1, 'ValueError', 1])
    expect(await run(null, { exact_match: 'None' })).toEqual([0, 'ValueError', 0])
    expect(await run('', { exact_match: '' })).toEqual([0, 'ValueError', 0])
    expect(await run(5, { exact_match: '5' })).toEqual([1, 'ValueError', 'BeartypeCallHintParamViolation'])
    expect(await run(5, { must_include: ['5'] })).toEqual([
      'BeartypeCallHintParamViolation',
      'ValueError',
      'BeartypeCallHintParamViolation',
    ])
  })
  test('locators of other kinds are refused', async () => {
    expect(await located({ exact_match: '' }, '', 'xpath=//h1')).toEqual([
      'ValueError',
      'ValueError',
      'ValueError',
    ])
  })
})

describe('targets of program_html', () => {
  const target = (url: string, wanted: string, extra = {}) => ({
    url,
    locator: 'document.title',
    required_contents: { exact_match: wanted },
    ...extra,
  })
  const titled = (...urls: string[]) =>
    Object.fromEntries(urls.map((url) => [url, { values: { 'document.title': url } }]))
  const score = async (
    program_html: EvalSpec['program_html'],
    pages: Evidence['pages'],
    more: EvalSpec['eval_types'] = [],
  ) =>
    (
      await evaluate(
        taskWith({
          eval_types: ['program_html', ...more],
          program_html,
          reference_url: 'http://h/f/b/2/',
        }),
        { answer: '', pages },
      )
    ).score

  test('going somewhere makes that page the last one, for helpers and addresses too', async () => {
    const log: string[] = []
    const pages = fakePages(
      'http://h/f/a/1/x',
      titled('http://h/f/a/1/x', 'http://h/f/a/1/', 'http://h/f/b/2/y', 'http://h/f/b/2/'),
      log,
    )
    const post = `func:reddit_get_post_url('__last_url__')`
    const targets = [
      target('last', 'http://h/f/a/1/x'),
      target(post, 'http://h/f/a/1/'),
      target('last', 'http://h/f/a/1/'),
      target('http://h/f/b/2/y', 'http://h/f/b/2/y'),
      target(post, 'http://h/f/b/2/'),
    ]
    expect(await score(targets, pages, ['url_match'])).toBe(1)
    expect(log.filter((line) => line.startsWith('open'))).toEqual([
      'open http://h/f/a/1/',
      'open http://h/f/b/2/y',
      'open http://h/f/b/2/',
    ])
  })
  test('prep_actions run before the locator; the first that throws ends them', async () => {
    const log: string[] = []
    const boom = () => {
      throw new LocatorError('gone')
    }
    const pages = fakePages('http://h/', { 'http://h/': { values: { 'document.title': 't', b: boom } } }, log)
    expect(await score([target('last', 't', { prep_actions: ['a', 'b', 'c'] })], pages)).toBe(1)
    expect(log).toEqual(['a http://h/', 'b http://h/', 'document.title http://h/'])
  })
  test('a target that found nothing ends the evaluation', async () => {
    const log: string[] = []
    const pages = fakePages('http://h/', {}, log)
    const nothing = { url: 'last', locator: 'lambda:() => null', required_contents: { exact_match: 'x' } }
    expect(await score([nothing, target('http://h/other', 'x')], pages)).toBe(0)
    expect(log.some((line) => line.startsWith('open'))).toBe(false)
  })
  test('the wait after loading is as long as asked for', async () => {
    const pages = fakePages('http://h/', titled('http://h/b'))
    const task = taskWith({
      eval_types: ['program_html'],
      program_html: [target('http://h/b', 'http://h/b')],
    })
    vi.useFakeTimers()
    try {
      let ended = false
      const evaluation = evaluate(task, { answer: '', pages }, { settleMs: 3000 }).then(({ score }) => {
        ended = true
        return score
      })
      await vi.advanceTimersByTimeAsync(2999)
      expect(ended).toBe(false)
      await vi.advanceTimersByTimeAsync(1)
      expect(await evaluation).toBe(1)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('conduct', () => {
  test('BrowserGym judges every step, with "whatever" for no answer and "N/A" for infeasible', () => {
    expect(conductOf('browsergym')).toMatchObject({
      stepwise: true,
      pendingAnswer: 'whatever',
      infeasibleAnswer: 'N/A',
      judgesEarlyStops: false,
    })
    for (const name of ['vab', 'webarena'] as const) {
      expect(conductOf(name)).toMatchObject({ stepwise: false, judgesEarlyStops: true })
      expect(DIALECTS[name].settleMs).toBe(3000)
    }
    expect(conductOf('embedded')).toMatchObject({ stepwise: false, judgesEarlyStops: false })
  })
  test('an open tab elsewhere is 0 in BrowserGym; blank tabs are not elsewhere', async () => {
    const task = taskWith({ reference_answers: { exact_match: 'a' } })
    const run = (tabs: string[], dialect: (typeof NAMES)[number]) =>
      evaluate(
        task,
        { answer: 'a', pages: { ...fakePages('http://h:1/'), tabs: async () => tabs } },
        { dialect, sites: ['http://h:1/', 'http://h:2/admin'] },
      ).then(({ score }) => score)
    expect(await run(['http://h:1/x', 'about:blank', 'http://h:2/y'], 'browsergym')).toBe(1)
    expect(await run(['http://h:1/x', 'http://h:3/'], 'browsergym')).toBe(0)
    expect(await run(['http://h:3/'], 'vab')).toBe(1)
  })
})
