/** Records of what an evaluation read: the same score again without pages, other dialects where the record allows. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluate } from '../../lib/tasks/evaluate.ts'
import { evidenceRecord, recordEvidence, replayEvidence } from '../../lib/tasks/evidence.ts'
import { LocatorError } from '../../lib/tasks/locator.ts'
import type { LocatedValue } from '../../lib/tasks/pages.ts'
import type { EvalSpec } from '../../lib/tasks/task.ts'
import { fakePages, taskWith } from './kit.ts'

const spec: Partial<EvalSpec> = {
  eval_types: ['string_match', 'url_match', 'program_html'],
  reference_answers: { must_include: ['lamp'], fuzzy_match: ['a red lamp'] },
  reference_url: 'http://h/f/a/1',
  url_note: 'GOLD in PRED',
  program_html: [
    { url: 'last', locator: 'document.title', required_contents: { exact_match: 'None' } },
    { url: 'last', locator: 'document.gone.title', required_contents: { exact_match: '' } },
    {
      url: 'http://h/f/b/2/x',
      locator: '',
      required_contents: { must_include: ['A & B |OR| A &amp; B'] },
    },
    {
      url: `func:reddit_get_post_url('__last_url__')`,
      locator: `func:author('sku')`,
      required_contents: { exact_match: 'Ann' },
    },
  ],
}

function live() {
  const gone = () => {
    throw new LocatorError('document.gone is undefined')
  }
  return {
    answer: 'the red lamp',
    pages: fakePages('http://h/f/a/1/x', {
      'http://h/f/a/1/x': { values: { 'document.title': undefined, 'document.gone.title': gone } },
      'http://h/f/b/2/x': { html: '<p>A &amp; B</p>' },
    }),
    judge: async () => true,
    helpers: { author: async () => 'Ann' },
  }
}

async function recorded() {
  const { evidence, record } = recordEvidence(live())
  const { score, checks } = await evaluate(taskWith(spec), evidence, { dialect: 'vab' })
  // As it comes back from a file.
  return { score, checks, record: evidenceRecord.parse(JSON.parse(JSON.stringify(record))) }
}

describe('a record', () => {
  test('gives the same score and the same checks again', async () => {
    const { score, checks, record } = await recorded()
    expect(score).toBe(1)
    expect(await evaluate(taskWith(spec), replayEvidence(record), { dialect: 'vab' })).toEqual({
      score,
      checks,
      dialect: 'vab',
    })
    record.answer = 'the red chair'
    const again = await evaluate(
      taskWith(spec),
      replayEvidence(record, async () => false),
      {
        dialect: 'vab',
      },
    )
    expect(again.score).toBe(0)
  })

  test('is scored in another dialect as far as it goes', async () => {
    const { record } = await recorded()
    const pages = { ...spec, eval_types: ['program_html' as const] }
    const rescored = await evaluate(taskWith(pages), replayEvidence(record), { dialect: 'webarena' })
    expect(rescored.score).toBe(1)
    const tabs = evaluate(taskWith(pages), replayEvidence(record), {
      dialect: 'browsergym',
      sites: ['http://h/'],
    })
    await expect(tabs).rejects.toMatchObject({ code: 'EVIDENCE', message: expect.stringMatching(/tabs/) })
  })

  test('does not guess what it does not hold', async () => {
    const { record } = await recorded()
    const evidence = replayEvidence(record)
    const page = await evidence.pages.last()
    await expect(page.html()).rejects.toThrow(/no HTML of http:\/\/h\/f\/a\/1\/x/)
    await expect(page.evaluate('document.body')).rejects.toThrow(/no value of document.body/)
    await expect(evidence.pages.open('http://h/other')).rejects.toThrow(/no page http:\/\/h\/other/)
    await expect(evidence.helpers?.author?.('other')).rejects.toThrow(/author\(other\)/)
    const question = { kind: 'fuzzy', intent: 'what?', reference: 'x', answer: 'y' } as const
    await expect(evidence.judge?.(question)).rejects.toMatchObject({ code: 'EVIDENCE' })
  })

  test('keeps reads of one expression in their order', async () => {
    let n = 0
    const { evidence, record } = recordEvidence({
      answer: '',
      pages: fakePages('http://h/', { 'http://h/': { values: { n: () => ++n } } }),
    })
    for (let i = 0; i < 3; i++) await (await evidence.pages.last()).evaluate('n')
    const page = await replayEvidence(record).pages.last()
    const again = [await page.evaluate('n'), await page.evaluate('n'), await page.evaluate('n')]
    expect([...again, await page.evaluate('n')]).toEqual([1, 2, 3, 3])
    expect(record.pages).toHaveLength(1)
  })

  test('keeps any value a page can give', async () => {
    const special = fc.constantFrom(undefined, Number.NaN, Infinity, -Infinity, -0)
    const { value } = fc.letrec<{ value: LocatedValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        special,
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value')),
        fc.dictionary(fc.oneof(fc.string(), fc.constant('$')), tie('value'), { noNullPrototype: true }),
      ),
    }))
    await fc.assert(
      fc.asyncProperty(value, async (one) => {
        const pages = fakePages('http://h/', { 'http://h/': { values: { x: () => one } } })
        const { evidence, record } = recordEvidence({ answer: '', pages })
        await (await evidence.pages.last()).evaluate('x')
        const back = evidenceRecord.parse(JSON.parse(JSON.stringify(record)))
        expect(await (await replayEvidence(back).pages.last()).evaluate('x')).toStrictEqual(one)
      }),
    )
  })
})
