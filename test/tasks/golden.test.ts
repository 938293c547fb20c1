/** The vab dialect against recorded outputs of VisualAgentBench's evaluators: answers, addresses, pages. */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EvaluationError, evaluate, type Judge } from '../../lib/tasks/evaluate.ts'
import { redditPostUrl } from '../../lib/tasks/evaluators/helpers.ts'
import { exactMatch, mustExclude, mustInclude, SINGLE_TOKEN } from '../../lib/tasks/evaluators/text.ts'
import { exactUrl } from '../../lib/tasks/evaluators/urls.ts'
import { wordTokenize } from '../../lib/tasks/evaluators/word-tokenize.ts'
import { LocatorError } from '../../lib/tasks/locator.ts'
import type { LocatedValue, PageAccess } from '../../lib/tasks/pages.ts'
import { type Task, webArenaTask } from '../../lib/tasks/task.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'
import { fakePages, GOLDEN_HINT, goldenMissing, readGolden, taskWith } from './kit.ts'

const VAB = { strip: false }

interface Scored {
  score: number | null
  error: string | null
  judge_calls: { kind: string; pred: string; ref: string }[]
}

type Compared = [reference: string, text: string, score: number]
interface AnswerCases {
  must_include: Compared[]
  exact_match: Compared[]
  must_exclude: Compared[]
  word_tokenize: [text: string, words: string[]][]
  task_scores: ({ task_id: number; answer: string } & Scored)[]
}
interface AddressCases {
  url_match: {
    reference_url: string
    page_url: string
    url_note: string | null
    score: number | null
    error: string | null
  }[]
  reddit_get_post_url: [string, string][]
}

/** Runs a task as the recordings were made: the judge compares lower-cased texts, or, for `ua`, says same. */
async function run(task: Task, answer: string, pages: PageAccess, expected: Scored): Promise<Scored> {
  const judge_calls: Scored['judge_calls'] = []
  const judge: Judge = async ({ kind, answer: pred, reference }) => {
    judge_calls.push({ kind, pred, ref: reference })
    // What the recorded judge said shows in the score where nothing else failed.
    return expected.score !== 0
  }
  try {
    const { score } = await evaluate(task, { answer, pages, judge }, { dialect: 'vab', stock: true })
    return { score, error: null, judge_calls }
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    return { score: null, error: error.upstream ?? error.message, judge_calls }
  }
}

describe.skipIf(goldenMissing)(`answers (${GOLDEN_HINT})`, () => {
  const data: Partial<AnswerCases> = goldenMissing ? {} : readGolden('vab_string_eval.json')

  test.each(data.must_include ?? [])('must_include %j in %j', (ref, pred, score) =>
    expect(mustInclude(ref, pred, VAB, SINGLE_TOKEN)).toBe(score === 1),
  )
  test.each(data.exact_match ?? [])('exact_match %j is %j', (ref, pred, score) =>
    expect(exactMatch(ref, pred, VAB)).toBe(score === 1),
  )
  test.each(data.must_exclude ?? [])('must_exclude %j in %j', (ref, pred, score) =>
    expect(mustExclude(ref, pred, VAB)).toBe(score === 1),
  )
  test.each(data.word_tokenize ?? [])('words of %j', (text, words) =>
    expect(wordTokenize(text)).toEqual(words),
  )
  test.each(data.task_scores ?? [])('task $task_id, $answer', async ({ task_id, answer, ...expected }) => {
    const raw = readGolden('test_webarena_lite.raw.json')[task_id]
    const { eval: spec } = webArenaTask.parse(raw)
    const task = { ...webArenaTask.parse(raw), eval: { ...spec, eval_types: ['string_match' as const] } }
    expect(await run(task, answer, fakePages('http://x/'), expected)).toEqual(expected)
  })
})

describe.skipIf(goldenMissing)(`addresses (${GOLDEN_HINT})`, () => {
  const data: Partial<AddressCases> = goldenMissing ? {} : readGolden('vab_url_eval.json')

  test.each(data.url_match ?? [])('$page_url against $reference_url, $url_note', async (one) => {
    const url_note = one.url_note === null ? {} : { url_note: one.url_note }
    const task = taskWith({ eval_types: ['url_match'], reference_url: one.reference_url, ...url_note })
    const { score, error } = await run(task, '', fakePages(one.page_url), { ...one, judge_calls: [] })
    expect({ score, error }).toEqual({ score: one.score, error: one.error })
    if (one.error === null) {
      expect(exactUrl(one.reference_url, one.page_url, one.url_note ?? undefined)).toBe(one.score === 1)
    }
  })
  test.each(data.reddit_get_post_url ?? [])('post of %s', (url, post) =>
    expect(redditPostUrl(url)).toBe(post),
  )
})

describe.skipIf(goldenMissing || !CHROMIUM)(
  `pages (install Chromium, for example apt-get install chromium; ${GOLDEN_HINT})`,
  () => {
    const data = goldenMissing ? { cases: [] } : readGolden('vab_program_html.json')
    let browser: Browser
    let page: Page
    beforeAll(async () => {
      browser = await chromium.launch(LAUNCH)
      page = await browser.newPage()
      await page.setContent(data.html)
    }, 60_000)
    afterAll(() => browser?.close())

    const pages: PageAccess = {
      last: async () => ({
        url: page.url(),
        html: () => page.content(),
        evaluate: (expression) =>
          page.evaluate<LocatedValue>(`(() => (${expression}\n))()`).catch((cause: unknown) => {
            throw new LocatorError('it throws', { cause })
          }),
      }),
      open: async () => {
        throw new Error('no target leaves the page')
      },
      tabs: async () => [page.url()],
    }

    test.each<Scored & { locator: string; required_contents: Record<string, unknown>; html?: string }>(
      data.cases,
    )('$locator $required_contents', async ({ locator, required_contents, ...expected }) => {
      const task = taskWith({
        eval_types: ['program_html'],
        program_html: [{ url: 'last', locator, required_contents }],
      })
      const { score, error, judge_calls } = expected
      expect(await run(task, '', pages, expected)).toEqual({ score, error, judge_calls })
    })
  },
)
