/** Labels, agreement, distribution, pass@k and the language model's opinion, against figures from elsewhere. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { passAtKCurve } from '../../lib/analysis/attempts.ts'
import { failureAgreement } from '../../lib/analysis/failures/agreement.ts'
import { diagnose } from '../../lib/analysis/failures/analyse.ts'
import {
  FAILURE_CLASSES,
  type FailureClass,
  type FailureTrace,
} from '../../lib/analysis/failures/diagnosis.ts'
import { classOf, failureDistribution, keyStepOf } from '../../lib/analysis/failures/distribution.ts'
import { parseLabels } from '../../lib/analysis/failures/labels.ts'
import { REFINE_PROMPT, refine } from '../../lib/analysis/failures/refine.ts'
import type { LanguageModel, ModelRequest } from '../../lib/llm/model.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'

describe('labels', () => {
  test('quotes, other names of classes and columns, an absent key step, a byte order mark', () => {
    const text =
      '\uFEFFEpisode ID,Decision Step,Class\r\n"a, ""1""",3,Stop at Wrong Page\r\n\r\nb,,stuck_midway\nc,1,C\n'
    expect(parseLabels(text, 'f')).toEqual([
      { episode: 'a, "1"', class: 'wrong-termination', keyStep: 3 },
      { episode: 'b', class: 'stuck-midway', keyStep: null },
      { episode: 'c', class: 'fail-attempt', keyStep: 1 },
    ])
  })

  test.each([
    ['id,step\na,1', /f: expected a header with the columns episode, class/],
    ['', /f: expected a header/],
    ['episode,class\na,lost', /f line 2: class: expected wrong-termination, .*received "lost"/],
    ['episode,class,step\na,A,1\n\nb,B,0', /f line 4: key step: expected a number from 1/],
    ['episode,class\na,A\na,B', /f line 3: episode a has a label already/],
    ['episode,class\n,A', /f line 2: expected the id of an episode/],
    ['episode,class\n"a,A', /f line 2: a quotation mark is opened and never closed/],
  ])('what is wrong with %j is said with its line', (text, message) => {
    expect(() => parseLabels(text, 'f')).toThrow(message)
  })

  test('any ids survive quoting', () => {
    const id = fc.string({ minLength: 1 }).filter((text) => text.trim() === text && !text.includes('\r'))
    fc.assert(
      fc.property(fc.uniqueArray(id, { minLength: 1 }), (ids) => {
        const rows = ids.map((own) => `"${own.replaceAll('"', '""')}",B,2`)
        expect(
          parseLabels(['episode,class,key step', ...rows].join('\n'), 'f').map(({ episode }) => episode),
        ).toEqual(ids)
      }),
    )
  })
})

describe('agreement', () => {
  const pairs = (matrix: number[][]) =>
    matrix.flatMap((row, i) =>
      row.flatMap((n, j) =>
        Array.from({ length: n }, () => {
          const judged = (k: number) => ({
            class: FAILURE_CLASSES[k] as FailureClass,
            keyStep: k === 3 ? null : k + 1,
          })
          return [judged(i), judged(j)] as const
        }),
      ),
    )

  test('Cohen’s kappa of a published two-by-two table, and of the paper’s validation', () => {
    // 20 and 15 agreed of 50: kappa 0.4 (Cohen's textbook case).
    const textbook = failureAgreement(
      pairs([
        [20, 5, 0, 0],
        [10, 15, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ]),
    )
    expect(textbook.kappa).toBeCloseTo(0.4, 12)
    // Table 2: 10, 10, 8 and 9 of 10 each; with equal rows chance is 1/4 whatever the columns.
    const paper = failureAgreement(
      pairs([
        [10, 0, 0, 0],
        [0, 10, 0, 0],
        [0, 2, 8, 0],
        [1, 0, 0, 9],
      ]),
    )
    expect(paper.share).toBe(0.925)
    expect(paper.kappa).toBeCloseTo((0.925 - 0.25) / 0.75, 12)
    expect(paper.classes.map(({ recall }) => recall)).toEqual([1, 1, 0.8, 0.9])
    expect(paper.confusion[2]).toEqual([0, 2, 8, 0])
    expect(paper.keySteps).toEqual({ count: 30, exact: 28, withinOne: 30 })
  })

  test('nothing to compare, and judges that only ever say one thing', () => {
    expect(failureAgreement([])).toMatchObject({ count: 0, share: null, kappa: null })
    expect(
      failureAgreement(
        pairs([
          [5, 0, 0, 0],
          [0, 0, 0, 0],
          [0, 0, 0, 0],
          [0, 0, 0, 0],
        ]),
      ),
    ).toMatchObject({ share: 1, kappa: null })
  })
})

const { task } = taskFrom(embeddedWeb.template('shop/add-to-cart'), 3)
const trace: FailureTrace = {
  id: 'e1',
  task,
  end: 'exit',
  answer: '',
  steps: [
    {
      action: { kind: 'exit', message: '' },
      actionText: 'exit(message="")',
      url: 'http://shop.test/',
      pageText: '<h1>a page that says {class}</h1>',
      reached: new Uint8Array(4),
    },
  ],
  judgement: { score: 0, details: ['fail program_html: the cart is empty'] },
}

describe('distribution', () => {
  test('shares of all traces as the paper’s Table 4 counts them, by model and site', () => {
    // Gemini-2.5-Flash: 74, 18, 20 and 17 of 164.
    const failed = (kind: FailureClass, n: number) =>
      Array.from({ length: n }, () => ({
        model: 'flash',
        site: 'shop',
        diagnosis: { ...diagnose(trace), class: kind },
      }))
    const { total, models, cells } = failureDistribution([
      ...failed('stuck-midway', 74),
      ...failed('wrong-termination', 18),
      ...failed('fail-attempt', 20),
      ...failed('others', 17),
      ...Array.from({ length: 35 }, () => ({ model: 'flash', site: 'map' })),
    ])
    const percents = Object.fromEntries(
      Object.entries(total.shareOfTraces).map(([kind, share]) => [
        kind,
        (100 * (share as number)).toFixed(2),
      ]),
    )
    expect(percents).toEqual({
      'stuck-midway': '45.12',
      'wrong-termination': '10.98',
      'fail-attempt': '12.20',
      others: '10.37',
    })
    expect(total.shareOfFailures['stuck-midway']).toBeCloseTo(74 / 129, 12)
    expect(models).toHaveLength(1)
    expect(cells.map(({ site, failures }) => [site, failures])).toEqual([
      ['map', 0],
      ['shop', 129],
    ])
    expect(cells[0]?.shareOfFailures.others).toBeNull()
  })

  test('pass@k of tasks with several attempts', () => {
    const attempts = (name: string, text: string) =>
      [...text].map((c) => ({ task: name, success: c === '+' }))
    expect(passAtKCurve([...attempts('a', '+'), ...attempts('b', '-')])).toEqual([])
    const curve = passAtKCurve([...attempts('a', '+--'), ...attempts('b', '--'), ...attempts('c', '+++')])
    expect(curve.map(({ k, tasks }) => [k, tasks])).toEqual([
      [1, 3],
      [2, 3],
      [3, 2],
    ])
    expect(curve[0]?.rate).toBeCloseTo((1 / 3 + 0 + 1) / 3, 12)
    expect(curve[1]?.rate).toBeCloseTo((2 / 3 + 0 + 1) / 3, 12)
    expect(curve[2]?.rate).toBe(1)
  })
})

describe('a language model’s opinion', () => {
  const asked: ModelRequest[] = []
  const says = (reply: unknown): LanguageModel => ({
    name: 'test/model',
    async generate(request) {
      asked.push(request)
      const usage = { inputTokens: 1, outputTokens: 1, thinkingTokens: 0 }
      return { text: JSON.stringify(reply), finish: 'stop', usage, cached: false, seconds: 0 }
    },
  })

  test('stands beside the rules’ verdict and counts in its place', async () => {
    const rules = diagnose(trace)
    expect(rules).toMatchObject({ class: 'fail-attempt', keyStep: 1 })
    const model = says({ class: 'others', key_step: null, reason: 'the shop was closed' })
    const { diagnosis } = await refine(model, trace, rules)
    expect(diagnosis).toMatchObject({ class: 'fail-attempt', refined: { class: 'others', keyStep: null } })
    expect(classOf(diagnosis)).toBe('others')
    expect(keyStepOf(diagnosis)).toBeNull()
    const content = String(asked.at(-1)?.messages[0]?.content)
    expect(content).toContain('Proposed: class fail-attempt, key step 1.')
    expect(content).toContain('a page that says {class}')
    expect(asked.at(-1)?.system).toBe(REFINE_PROMPT.system)
  })

  test('a step that the episode does not have is not taken over; a reply that is no opinion rejects', async () => {
    const rules = diagnose(trace)
    const { diagnosis } = await refine(says({ class: 'others', key_step: 9, reason: '' }), trace, rules)
    expect(diagnosis.refined?.keyStep).toBe(1)
    await expect(refine(says({ class: 'lost' }), trace, rules)).rejects.toMatchObject({
      code: 'LLM_MALFORMED',
    })
  })

  test('the default prompt names every class in the order of the rules', () => {
    const at = FAILURE_CLASSES.map((kind) => REFINE_PROMPT.system.indexOf(`- ${kind}:`))
    expect(at.every((place, i) => place > (at[i - 1] ?? -1))).toBe(true)
  })
})

test('the generator of test cases shares nothing with the analyser', () => {
  for (const name of ['injected', 'traps']) {
    const source = readFileSync(new URL(`./failures/${name}.ts`, import.meta.url), 'utf8')
    expect(source).not.toMatch(/from '.*lib\/analysis/)
  }
})
