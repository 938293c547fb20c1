/** SGO's questions as language models are asked them, and what becomes of their answers. */
import { describe, expect, test } from 'vitest'
import { believe, newChecklist } from '../../lib/agent/checklist.ts'
import type { GuideView } from '../../lib/agent/guide.ts'
import {
  type AskOptions,
  modelAssessor,
  modelPlanner,
  modelRater,
  sgoPrompts,
} from '../../lib/agent/sgo-model.ts'
import { NOTHING } from '../../lib/agent/spent.ts'
import { LanguageModelError } from '../../lib/llm/errors.ts'
import { fitsStrictMode } from '../../lib/llm/json-schema.ts'
import type { LanguageModel, ModelRequest } from '../../lib/llm/model.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import type { Session } from '../../lib/web/session.ts'
import { PNG, reply } from '../llm/kit.ts'

const { task } = taskFrom(embeddedWeb.template('shop/buy-express'), 11)
const list = believe(newChecklist(['open', 'search', 'buy']), Uint8Array.of(1, 0, 0), {
  monotone: true,
  stepped: true,
})
const OPTIONS: AskOptions = {
  prompts: sgoPrompts(),
  maxPageCharacters: 100,
  maxHistoryCharacters: 100,
  images: true,
}

function said(...texts: string[]): LanguageModel & { asked: ModelRequest[] } {
  const asked: ModelRequest[] = []
  return {
    name: 'test/model',
    asked,
    async generate(request) {
      asked.push(request)
      return reply(texts[Math.min(asked.length, texts.length) - 1] ?? '')
    },
  }
}

const view = (over: Partial<GuideView> = {}): GuideView => ({
  task,
  session: {} as Session,
  observation: { url: 'http://x/', title: '', text: '<h1>lamps</h1>', elements: [], addressing: 'name' },
  steps: [],
  ...over,
})

const assessment = (over: object = {}) =>
  JSON.stringify({ achieved: [true, true, false], current_done: true, next: 'buy it', note: 'seen', ...over })

describe('all three questions', () => {
  test('in one call: verdicts, what is next, and on what they rest', async () => {
    const model = said(assessment())
    const rating = await modelAssessor(model, OPTIONS).rate(view(), list, 1)
    expect({ ...rating, achieved: [...rating.achieved] }).toEqual({
      achieved: [1, 1, 0],
      next: 'buy it',
      note: 'seen',
      spent: { ...NOTHING, calls: 1, inputTokens: 10, outputTokens: 5, cost: null, seconds: 0.1 },
    })
    const [request] = model.asked
    expect(request).toMatchObject({ temperature: 0, schema: { name: 'assessment' } })
    expect(fitsStrictMode(request?.schema?.json)).toBe(true)
    const user = request?.messages[0]?.content as string
    expect(user).toContain('[x] 1. open\n[ ] 2. search   <- next\n[ ] 3. buy')
    expect(user).toContain('<h1>lamps</h1>')
    expect(`${request?.system}${user}`).not.toMatch(/\{[a-z]+\}/)
  })

  test('the one aimed at counts only when both answers say so; the others by the first alone', async () => {
    const rate = async (over: object, target: number | undefined) =>
      [...(await modelAssessor(said(assessment(over)), OPTIONS).rate(view(), list, target)).achieved].join('')
    expect(await rate({ current_done: false }, 1)).toBe('100')
    expect(await rate({ current_done: false }, 2)).toBe('110')
    expect(await rate({ achieved: [true, false, false] }, 1)).toBe('100')
    expect(await rate({ current_done: false }, undefined)).toBe('110')
  })

  test('a wrong number of verdicts is asked about once more, and what both replies took is counted', async () => {
    const model = said(assessment({ achieved: [true] }), assessment())
    const { achieved, spent } = await modelAssessor(model, OPTIONS).rate(view(), list, 1)
    expect([...achieved]).toEqual([1, 1, 0])
    expect(spent).toMatchObject({ inputTokens: 20, outputTokens: 10 })
    expect(model.asked[1]?.messages.at(-1)?.content).toMatch(/expected 3 answers, one per milestone/)
    const never = modelAssessor(said('I cannot say.'), OPTIONS).rate(view(), list, 1)
    await expect(never).rejects.toThrow(LanguageModelError)
  })

  test('picture, budget of thought, length and answer are passed on', async () => {
    const model = said(assessment())
    const own = { ...OPTIONS, thinking: 256, maxTokens: 99 }
    const observation = { ...view().observation, screenshot: PNG }
    await modelAssessor(model, own).rate(view({ observation, answer: '42' }), list, 1)
    expect(model.asked[0]).toMatchObject({ thinking: 256, maxTokens: 99 })
    expect(model.asked[0]?.messages[0]?.content).toMatchObject([
      { type: 'text', text: expect.stringContaining('has finished with the answer: 42') },
      { type: 'image', png: PNG },
    ])
    await modelAssessor(model, { ...OPTIONS, images: false }).rate(view({ observation }), list, 1)
    expect(typeof model.asked[1]?.messages[0]?.content).toBe('string')
  })
})

test('a rater apart answers the first two, the planner the third', async () => {
  const rater = said(JSON.stringify({ achieved: [true, false, false], current_done: false, note: 'n' }))
  const rating = await modelRater(rater, OPTIONS).rate(view(), list, 1)
  expect(rating.next).toBeUndefined()
  const model = said(JSON.stringify({ next: ' use the \n search box ', note: 'm' }))
  const plan = async () => ({ milestones: ['a'], spent: NOTHING })
  const planner = modelPlanner(model, OPTIONS, plan, 'next-and-revise')
  expect(await planner.next?.(view(), list, 1)).toMatchObject({ next: 'use the search box', note: 'm' })
  expect(modelPlanner(model, OPTIONS, plan, 'revise').next).toBeUndefined()
})

test('another plan has at least one milestone and not too many', async () => {
  const many = Array.from({ length: 7 }, (_, i) => `step ${i}`)
  const model = said(JSON.stringify({ milestones: [] }), JSON.stringify({ milestones: many.slice(0, 6) }))
  const planner = modelPlanner(model, OPTIONS, async () => ({ milestones: [], spent: NOTHING }), 'revise')
  expect((await planner.revise?.(view(), list))?.milestones).toHaveLength(6)
  expect(model.asked).toHaveLength(2)
  const second = modelPlanner(
    said(JSON.stringify({ milestones: many })),
    OPTIONS,
    async () => ({ milestones: [], spent: NOTHING }),
    'revise',
  )
  await expect(second.revise?.(view(), list)).rejects.toThrow(/expected 1 to 6 milestones/)
})
