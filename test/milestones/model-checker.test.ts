/** The language-model checker: what is asked, how replies are read, what is spared, and what counts as undecided. */
import { describe, expect, test } from 'vitest'
import { LanguageModelError } from '../../lib/llm/errors.ts'
import { modelChecker } from '../../lib/milestones/model-checker.ts'
import { parsePrompt } from '../../lib/milestones/prompt-file.ts'
import { fakeModel, moment, userText } from './kit.ts'

const PICTURE = Uint8Array.of(137, 80, 78, 71)

describe('one by one', () => {
  test('each milestone is the question of a call of its own, with actions, page and picture', async () => {
    const model = fakeModel((text) => (text.includes('Milestone: the kettle page') ? 'YES' : 'NO'))
    const checker = modelChecker(model)
    const observe = async () => ({
      url: 'http://shop.example/k',
      text: '<p>{milestone}</p>',
      screenshot: PICTURE,
    })
    expect([...(await checker.check(moment({ observe })))]).toEqual([1, 0])
    expect(model.seen).toHaveLength(2)
    const [first] = model.seen
    const text = userText(first as NonNullable<typeof first>)
    expect(text).toContain('1. do(action="Click", element="kettle")')
    // What a page says is never taken for a placeholder.
    expect(text).toContain('<p>{milestone}</p>')
    expect(first?.messages[0]?.content).toContainEqual({ type: 'image', png: PICTURE })
    expect(checker.counts).toEqual({ asked: 2, undecided: 0, calls: 2 })
  })

  test('P(YES) decides where log-probabilities exist, against the threshold', async () => {
    const top = [
      { token: 'YES', logprob: Math.log(0.7) },
      { token: 'NO', logprob: Math.log(0.3) },
    ]
    const model = fakeModel(() => ({ text: 'YES', logprobs: [{ ...(top[0] as (typeof top)[0]), top }] }))
    const verdict = async (threshold: number) => [
      ...(await modelChecker(model, { threshold, topLogprobs: 20 }).check(moment())),
    ]
    expect(await verdict(0.69)).toEqual([1, 1])
    expect(await verdict(0.71)).toEqual([0, 0])
    expect(model.seen[0]).toMatchObject({ topLogprobs: 20, temperature: 0 })
  })

  test('a server without log-probabilities is found out once', async () => {
    const model = fakeModel((_, request) => {
      if (request.topLogprobs === undefined) return 'YES'
      throw new LanguageModelError('LLM_BAD_REQUEST', 'no logprobs')
    })
    const checker = modelChecker(model)
    const one = moment({ milestones: ['the kettle page is open'] })
    for (let i = 0; i < 3; i++) expect([...(await checker.check(one))]).toEqual([1])
    expect(model.seen.map(({ topLogprobs }) => topLogprobs)).toEqual([5, undefined, undefined, undefined])
    await expect(modelChecker(model, { topLogprobs: 20 }).check(one)).rejects.toThrow('no logprobs')
  })

  test('what holds is not asked about again, unless belief may fall', async () => {
    const model = fakeModel(() => 'NO')
    const before = Uint8Array.of(1, 0)
    expect([...(await modelChecker(model).check(moment({ before })))]).toEqual([1, 0])
    expect(model.seen).toHaveLength(1)
    expect([...(await modelChecker(model, { monotone: false }).check(moment({ before })))]).toEqual([0, 0])
    expect(model.seen).toHaveLength(3)
    let looked = false
    const observe = async () => {
      looked = true
      return { url: '', text: '' }
    }
    await modelChecker(model).check(moment({ before: Uint8Array.of(1, 1), observe }))
    expect([looked, model.seen.length]).toEqual([false, 3])
  })

  test('neither word, or a refusal, is undecided: not reached, and counted', async () => {
    const replies = [{ text: 'Perhaps' }, { text: '', finish: 'refused' as const }]
    const checker = modelChecker(fakeModel(() => replies.shift() ?? 'YES'))
    expect([...(await checker.check(moment()))]).toEqual([0, 0])
    expect(checker.counts).toMatchObject({ asked: 2, undecided: 2 })
  })

  test('a model that cannot be asked rejects', async () => {
    const model = fakeModel(() => {
      throw new LanguageModelError('LLM_SERVER', 'down')
    })
    await expect(modelChecker(model).check(moment())).rejects.toMatchObject({ code: 'LLM_SERVER' })
  })

  test('the answer is told once there is one; without milestones nobody is asked', async () => {
    const model = fakeModel(() => 'NO')
    await modelChecker(model).check(moment({ answer: '42 dollars' }))
    expect(userText(model.seen[0] as (typeof model.seen)[0])).toContain('the answer: 42 dollars')
    expect(await modelChecker(model).check(moment({ milestones: [] }))).toHaveLength(0)
    expect(model.seen).toHaveLength(2)
  })

  test('long pages and histories are cut, and say so', async () => {
    const model = fakeModel(() => 'NO')
    const checker = modelChecker(model, { maxPageChars: 10, maxActions: 2 })
    const observe = async () => ({ url: 'u', text: `${'a'.repeat(9)}😀${'b'.repeat(89)}` })
    await checker.check(moment({ observe, actions: ['one', 'two', 'three'] }))
    const text = userText(model.seen[0] as (typeof model.seen)[0])
    expect(text).toContain(`${'a'.repeat(9)}\n(cut: 90 more characters)`)
    expect(text).toContain('(1 earlier actions not shown)\n2. two\n3. three')
  })
})

describe('all at once', () => {
  const verdicts = (...said: string[]) =>
    JSON.stringify({ verdicts: said.map((reached, i) => ({ milestone: i + 1, reached })) })

  test('one call; "unclear" is undecided', async () => {
    const model = fakeModel(() => verdicts('yes', 'unclear'))
    const checker = modelChecker(model, { batch: true })
    expect([...(await checker.check(moment()))]).toEqual([1, 0])
    expect(checker.counts).toEqual({ asked: 2, undecided: 1, calls: 1 })
    expect(userText(model.seen[0] as (typeof model.seen)[0])).toContain('2. the cart holds a red kettle')
  })

  test('only the open ones are numbered, and verdicts find their milestones again', async () => {
    const model = fakeModel(() => verdicts('yes'))
    const checker = modelChecker(model, { batch: true })
    expect([...(await checker.check(moment({ before: Uint8Array.of(1, 0) })))]).toEqual([1, 1])
    expect(userText(model.seen[0] as (typeof model.seen)[0])).toContain('1. the cart holds a red kettle')
  })

  test('verdicts that do not fit are asked for once more, then are undecided', async () => {
    const model = fakeModel(() => verdicts('yes'))
    const checker = modelChecker(model, { batch: true })
    expect([...(await checker.check(moment()))]).toEqual([0, 0])
    expect(model.seen).toHaveLength(2)
    expect(userText(model.seen[1] as (typeof model.seen)[0])).toContain(
      'one verdict for each milestone from 1 to 2',
    )
    expect(checker.counts).toMatchObject({ undecided: 2 })
  })
})

describe('prompt files', () => {
  const rule = { required: ['milestone'], optional: ['task'] } as const
  test('errors name what is wrong with a file', () => {
    expect(() => parsePrompt('just this {milestone}', rule, 'p.md')).toThrow(
      /p\.md: expected a system text, one line/,
    )
    expect(() => parsePrompt('s\n---\n{task}', rule, 'p.md')).toThrow(
      /expected \{milestone\} in it, found \{task\}/,
    )
    expect(() => parsePrompt('s\n---\n{milestone} {misspelt}', rule, 'p.md')).toThrow(/found \{misspelt\}/)
    expect(
      parsePrompt('s\r\n---\r\n{milestone} {"json": 1}'.replace(/\r/g, ''), rule, 'p.md').user,
    ).toContain('json')
  })
})
