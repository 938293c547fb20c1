/** Prompted language models: which part of a reply is the action, what they are shown, and within which budget. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Guidance } from '../../lib/agent/guide.ts'
import { actingPrompt, type PromptedOptions, promptedPolicy } from '../../lib/agent/prompted.ts'
import { sgoPrompts } from '../../lib/agent/sgo-model.ts'
import { NOTHING } from '../../lib/agent/spent.ts'
import type { Step } from '../../lib/agent/step.ts'
import { actionIn, type TextRequest } from '../../lib/agent/text-policy.ts'
import { historyText, noteOf, shownPage } from '../../lib/agent/transcript.ts'
import type { LanguageModel, ModelRequest } from '../../lib/llm/model.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { parseWith } from '../../lib/web/grammar.ts'
import { PNG, reply } from '../llm/kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'mira-prompts-'))
afterAll(() => rmSync(folder, { recursive: true }))
const { task } = taskFrom(embeddedWeb.template('shop/buy-express'), 11)
const BUDGET = { maxPageCharacters: 1000, maxHistoryCharacters: 400 }

describe('the action in a reply', () => {
  test.each([
    [
      'mira',
      'I see a lamp.\ndo(action="Click", element="red lamp")',
      'do(action="Click", element="red lamp")',
    ],
    ['mira', 'Not do(action="Wait") but\n```\nexit(message="a\\nb")\n```', 'exit(message="a\\nb")'],
    ['mira', 'I do not know.\nReally.', 'Really.'],
    ['mira', '', ''],
    ['webarena', 'The button is there. ```click [12]```', 'click [12]'],
    ['webarena', '```click [1]``` is wrong, so\n```\nstop [12.99]\n```', 'stop [12.99]'],
    ['webarena', 'Thinking.\nscroll [down]', 'scroll [down]'],
    ['vab', ' do(action="Click", element="1")\n', 'do(action="Click", element="1")'],
    ['vab', 'Words\ndo(action="Wait")', 'Words\ndo(action="Wait")'],
  ] as const)('%s: %j', (grammar, text, action) => {
    expect(actionIn(text, grammar)).toBe(action)
  })

  test('is read in its grammar as it was in the reply', () => {
    expect(parseWith('webarena', actionIn('x ```type [3] [red lamp] [1]```', 'webarena'))).toEqual({
      kind: 'search',
      element: '3',
      argument: 'red lamp',
      append: true,
    })
  })
})

const step = (actionText: string, over: Partial<Step> = {}): Step => ({
  promptIds: new Int32Array(0),
  actionIds: new Int32Array(0),
  logprobs: new Float32Array(0),
  actionText,
  action: { kind: 'wait' },
  url: 'http://x/',
  pageText: 'p',
  reached: new Uint8Array(4),
  ...over,
})

describe('what it is shown', () => {
  test('history: failures and notes in their lines, the oldest left out and counted', () => {
    const said = { promptHash: '', reply: 'I think.\nNote: the total is 3\ngo', spent: NOTHING }
    const steps = [step('click [1]', { error: 'no such\nelement' }), step('scroll [down]', { said })]
    expect(historyText(steps, BUDGET)).toBe(
      '1. click [1]   -> not carried out: no such element\n2. scroll [down]   (note: the total is 3)',
    )
    const many = Array.from({ length: 100 }, (_, i) => step(`click [${i}]`))
    const text = historyText(many, { ...BUDGET, maxHistoryCharacters: 60 })
    expect(text).toMatch(/^\(9\d earlier actions left out\)\n9\d\. /)
    expect(text).toContain('\n100. click [99]')
    expect(historyText([step('x'.repeat(5000))], BUDGET).length).toBeLessThan(700)
    expect(historyText([], BUDGET)).toBe('(none)')
    expect(noteOf('# Note: a\nNote: b ')).toBe('b')
    expect(noteOf('No note here')).toBeUndefined()
  })

  test('a page that is too long says so', () => {
    const text = shownPage({ text: `${'x'.repeat(999)}😀${'y'.repeat(500)}` }, BUDGET)
    expect(text).toMatch(/^x{999}\n.*50\d/)
    expect(shownPage({ text: ' ' }, BUDGET)).toBe('(empty)')
  })
})

describe('the policy', () => {
  const requests: ModelRequest[] = []
  let finish: 'stop' | 'refused' = 'stop'
  const model: LanguageModel = {
    name: 'test/model',
    async generate(request) {
      requests.push(request)
      return reply('do(action="Wait")', { finish })
    },
  }
  const options: PromptedOptions = { ...BUDGET, prompt: actingPrompt('mira'), images: true }
  const observation = {
    url: 'http://x/',
    title: '',
    text: '<p>{intent} {page}</p>',
    elements: [],
    addressing: 'name' as const,
  }
  const request: TextRequest = {
    task,
    observation,
    steps: [],
    grammar: 'mira',
    seed: 7n << 40n,
    temperature: 0,
  }
  const say = async (over: Partial<TextRequest> = {}, own: Partial<PromptedOptions> = {}) => {
    const said = await promptedPolicy(model, { ...options, ...own }).say({ ...request, ...over })
    const asked = requests.at(-1) as ModelRequest
    return { said, asked, user: asked.messages[0]?.content as string }
  }

  test('is asked with the task, the page as it is, and nothing that is not there', async () => {
    const { asked, user, said } = await say()
    expect(user).toBe(
      `Task: ${task.intent}\n\nYour actions so far:\n(none)\n\nAddress: http://x/\nPage:\n<p>{intent} {page}</p>`,
    )
    expect(asked.system).toContain('An element is named by its visible text')
    expect(asked).not.toHaveProperty('seed')
    expect(asked).not.toHaveProperty('thinking')
    expect(said).toMatchObject({
      reply: 'do(action="Wait")',
      spent: { calls: 1, inputTokens: 10, cost: null },
    })
  })

  test('checklist, tabs and notices have a place of their own', async () => {
    const plan = { milestones: ['a', 'b'], z: [1, 0], target: 1, next: 'go to b', stall: 4, spent: NOTHING }
    const guidance: Guidance = { plan, subgoal: 'b', stalled: true }
    const tabs = [
      { title: 'One', url: '', active: false },
      { title: 'Two', url: '', active: true },
    ]
    const { user } = await say({
      guidance,
      observation: { ...observation, tabs, notices: ['A dialog said: hi'] },
    })
    expect(user).toContain(
      '\n\nChecklist:\n[x] 1. a\n[ ] 2. b   <- next\nNext: go to b\nThe last actions led nowhere: try another way.\n\n',
    )
    expect(user).toContain('Address: http://x/\nTabs: 0 One | 1 (shown) Two\nA dialog said: hi\nPage:\n')
    const done = { ...guidance, plan: { ...plan, z: [1, 1] }, stalled: false }
    expect((await say({ guidance: done })).user).toContain('Everything on the checklist is done')
  })

  test('pictures, seeds and limits go where they belong', async () => {
    const seen = { ...observation, screenshot: PNG }
    const plain = await say({ observation: seen }, { images: false })
    expect(typeof plain.user).toBe('string')
    const { asked, said } = await say(
      { observation: seen, temperature: 0.5 },
      { thinking: 'auto', maxTokens: 99 },
    )
    expect(asked.messages[0]?.content).toEqual([
      { type: 'text', text: plain.user },
      { type: 'image', png: PNG },
    ])
    expect(asked).toMatchObject({
      thinking: 'auto',
      maxTokens: 99,
      temperature: 0.5,
      seed: expect.any(Number),
    })
    expect(said.promptHash).not.toBe(plain.said.promptHash)
  })

  test('what is withheld is no action', async () => {
    finish = 'refused'
    expect((await say()).said.reply).toBe('')
    finish = 'stop'
  })
})

describe('prompt files', () => {
  test.each(['mira', 'vab', 'webarena'] as const)('%s: ours holds every placeholder it needs', (grammar) => {
    expect(actingPrompt(grammar).user).toContain('{page}')
    expect(sgoPrompts().revise.system).toContain('{most}')
  })

  test("one of the user's is used, or refused with what is wrong with it", () => {
    const file = (text: string) => {
      const path = join(folder, 'own.md')
      writeFileSync(path, text)
      return path
    }
    expect(actingPrompt('mira', file('Be brief.\n---\n{intent} {history} {page}'))).toMatchObject({
      system: 'Be brief.',
    })
    expect(() => actingPrompt('mira', file('Be brief.\n---\n{intent} {page}'))).toThrow(
      /expected \{history\} in it/,
    )
    expect(() => actingPrompt('mira', file('a\n---\n{intent} {history} {page} {pages}'))).toThrow(
      /found \{pages\}/,
    )
    expect(() => sgoPrompts(folder)).toThrow(/sgo-assess\.md: expected a readable file/)
  })
})
