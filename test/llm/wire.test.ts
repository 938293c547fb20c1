// What goes over the wire: every request fits the provider's public schema, every kind of reply is read.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { askFor } from '../../lib/llm/structured.ts'
import { APIS, ask, failure, KEYS, modelsAt, PNG, specOf } from './kit.ts'
import { say, type Seen, status, TestServer } from './server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.close())
afterEach(() => {
  expect(server.violations).toEqual([])
  server.seen.length = 0
  server.next = []
  server.otherwise = () => say('hello')
})

const last = () => server.seen.at(-1) as Seen
const conversation = {
  system: 'You rate web pages.',
  messages: [
    { role: 'user' as const, content: 'First page.' },
    { role: 'assistant' as const, content: 'Seen.' },
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: 'Second page:' },
        { type: 'image' as const, png: PNG },
      ],
    },
  ],
  maxTokens: 2000,
  temperature: 0,
}

describe.each(APIS)('%s', (api) => {
  test('a conversation with a system text and an image', async () => {
    server.next = [say('a shop', { input: 321, output: 45 })]
    const reply = await modelsAt().model(specOf(api, server)).generate(conversation)
    expect(reply).toMatchObject({ text: 'a shop', finish: 'stop', cached: false })
    expect(reply.usage).toEqual({ inputTokens: 321, outputTokens: 45, thinkingTokens: 0 })
    const wire = JSON.stringify(last().body)
    for (const text of ['You rate web pages.', 'First page.', 'Seen.', 'Second page:'])
      expect(wire).toContain(text)
    expect(wire).toContain(Buffer.from(PNG).toString('base64'))
    expect(wire).toContain('"temperature":0')
  })

  test('structured output reaches the provider and comes back as a value', async () => {
    const schema = z.object({
      done: z.boolean(),
      steps: z.array(z.string()).min(1),
      site: z.enum(['shop', 'map']),
    })
    server.next = [say('{"done":true,"steps":["open the shop"],"site":"shop"}')]
    const model = modelsAt().model(specOf(api, server))
    const { value } = await askFor(model, ask('Check.', { maxTokens: 500 }), schema, { name: 'checklist' })
    expect(value).toEqual({ done: true, steps: ['open the shop'], site: 'shop' })
    expect(JSON.stringify(last().body)).toContain('"steps"')
  })

  test('schemas of every usual kind fit the provider’s', async () => {
    const inner = z.object({ id: z.int().min(0).max(9), why: z.string().nullable() })
    const schema = z.object({
      kind: z.enum(['a', 'b']),
      only: z.literal('x'),
      ratio: z.number().gt(0).lte(1),
      list: z.array(inner).min(1).max(5).describe('in order'),
      either: z.union([z.string(), inner]),
      maybe: z.boolean().optional(),
      pair: z.object({ first: inner, second: inner }),
    })
    const one = { id: 1, why: null }
    const value = {
      kind: 'a',
      only: 'x',
      ratio: 0.5,
      list: [one],
      either: 'e',
      pair: { first: one, second: one },
    }
    server.next = [say(JSON.stringify(value))]
    const answer = await askFor(modelsAt().model(specOf(api, server)), ask('x'), schema, {
      name: 'all-kinds',
    })
    expect(answer.value).toEqual(value)
  })

  test('a reply cut at its longest length says so', async () => {
    server.next = [say('half a sen', { finish: 'length' })]
    const reply = await modelsAt()
      .model(specOf(api, server))
      .generate(ask('x', { maxTokens: 3 }))
    expect(reply).toMatchObject({ text: 'half a sen', finish: 'length' })
  })

  test('a refused reply is a reply; a refused value is an error', async () => {
    server.otherwise = () => say('', { finish: 'refused' })
    const model = modelsAt().model(specOf(api, server))
    expect(await model.generate(ask('x'))).toMatchObject({ text: '', finish: 'refused' })
    await failure(askFor(model, ask('x'), z.object({ a: z.string() }), { name: 'thing' }), 'LLM_REFUSED')
  })

  test('the key travels in a header only, and redirects are not followed with it', async () => {
    await modelsAt().model(specOf(api, server)).generate(ask('x'))
    const header = { gemini: 'x-goog-api-key', openai: 'authorization', anthropic: 'x-api-key' }[api]
    const key = {
      gemini: KEYS.GEMINI_API_KEY,
      openai: KEYS.OPENAI_API_KEY,
      anthropic: KEYS.ANTHROPIC_API_KEY,
    }[api]
    expect(last().headers[header]).toBe(api === 'openai' ? `Bearer ${key}` : key)
    expect(last().path + JSON.stringify(last().body)).not.toContain(key)

    const calls = server.seen.length
    server.next = [status(307, { location: `${server.origin}/elsewhere` })]
    const error = await failure(modelsAt().model(specOf(api, server)).generate(ask('x')), 'LLM_BAD_REQUEST')
    expect(error.status).toBe(307)
    expect(server.seen.length).toBe(calls + 1)
  })
})

describe('thinking', () => {
  const body = async (api: 'gemini' | 'openai' | 'anthropic', thinking: number | 'auto' | undefined) => {
    const request = ask('x', { maxTokens: 9000, ...(thinking === undefined ? {} : { thinking }) })
    await modelsAt().model(specOf(api, server)).generate(request)
    return last().body
  }

  test('Gemini: a budget, none, as the model likes, or unsaid', async () => {
    const config = async (thinking: number | 'auto' | undefined) =>
      (await body('gemini', thinking)).generationConfig.thinkingConfig
    expect(await config(2048)).toEqual({ thinkingBudget: 2048 })
    expect(await config(0)).toEqual({ thinkingBudget: 0 })
    expect(await config('auto')).toEqual({ thinkingBudget: -1 })
    expect(await config(undefined)).toBeUndefined()
  })

  test('OpenAI: efforts', async () => {
    const effort = async (thinking: number | 'auto') => (await body('openai', thinking)).reasoning_effort
    expect(await effort(0)).toBe('none')
    expect(await effort(512)).toBe('low')
    expect(await effort(8192)).toBe('medium')
    expect(await effort(8900)).toBe('high')
    expect(await effort('auto')).toBeUndefined()
  })

  test('Anthropic: the budget is part of max_tokens', async () => {
    const enabled = await body('anthropic', 2048)
    expect(enabled.thinking).toEqual({ type: 'enabled', budget_tokens: 2048 })
    expect(enabled.max_tokens).toBe(9000)
    expect((await body('anthropic', 0)).thinking).toEqual({ type: 'disabled' })
    expect((await body('anthropic', 'auto')).thinking).toEqual({ type: 'adaptive' })
    const model = modelsAt().model(specOf('anthropic', server))
    const error = await failure(
      model.generate(ask('x', { thinking: 4096, maxTokens: 4096 })),
      'LLM_BAD_REQUEST',
    )
    expect(error.message).toContain('maxTokens')
  })

  test('what a provider does not do with a setting is noted, once', async () => {
    const notes: string[] = []
    const models = modelsAt({}, { onNote: (note) => notes.push(note) })
    const request = ask('x', { thinking: 2048, maxTokens: 4096, temperature: 0.5 })
    for (let i = 0; i < 2; i++) await models.model(specOf('anthropic', server)).generate(request)
    expect(last().body.temperature).toBeUndefined()
    expect(notes.filter((note) => note.includes('temperature'))).toHaveLength(1)
    expect(notes[0]).toContain('anthropic/test-model: ')
  })

  test('thinking tokens are part of what a reply took', async () => {
    for (const api of ['gemini', 'openai'] as const) {
      server.next = [say('x', { input: 7, output: 100, thinking: 60 })]
      const { usage } = await modelsAt().model(specOf(api, server)).generate(ask('x'))
      expect(usage).toEqual({ inputTokens: 7, outputTokens: 100, thinkingTokens: 60 })
    }
  })
})

describe('log-probabilities', () => {
  const logprobs = [
    {
      token: 'YES',
      logprob: -0.1,
      top: [
        { token: 'YES', logprob: -0.1 },
        { token: 'NO', logprob: -2.4 },
      ],
    },
  ]

  test.each(['gemini', 'openai'] as const)('%s', async (api) => {
    server.next = [say('YES', { logprobs })]
    const reply = await modelsAt()
      .model(specOf(api, server))
      .generate(ask('x', { topLogprobs: 2 }))
    expect(reply.logprobs).toEqual(logprobs)
    const { body } = last()
    if (api === 'gemini') expect(body.generationConfig).toMatchObject({ responseLogprobs: true, logprobs: 2 })
    else expect(body).toMatchObject({ logprobs: true, top_logprobs: 2 })
  })

  test.each(['gemini', 'openai'] as const)('%s: a server that leaves them out is an error', async (api) => {
    const model = modelsAt().model(specOf(api, server))
    await failure(model.generate(ask('x', { topLogprobs: 2 })), 'LLM_MALFORMED')
  })

  test('anthropic has none and is not asked', async () => {
    const model = modelsAt().model(specOf('anthropic', server))
    await failure(model.generate(ask('x', { topLogprobs: 2 })), 'LLM_BAD_REQUEST')
    expect(server.seen).toEqual([])
  })
})

describe('OpenAI-compatible servers', () => {
  test('strict only for schemas that strict mode takes', async () => {
    const model = modelsAt().model(specOf('openai', server))
    server.otherwise = () => say('{"a":"x"}')
    await askFor(model, ask('x'), z.object({ a: z.string() }), { name: 'all' })
    expect(last().body.response_format.json_schema).toMatchObject({ name: 'all', strict: true })
    await askFor(model, ask('x'), z.object({ a: z.string().optional() }), { name: 'some' })
    expect(last().body.response_format.json_schema).toMatchObject({ name: 'some', strict: false })
  })

  test('without structured outputs the schema is asked for in the prompt', async () => {
    const models = modelsAt({ providers: { openai: { structuredOutputs: false } } })
    server.otherwise = () => say('Sure:\n```json\n{"a":"x"}\n```')
    const { value } = await askFor(
      models.model(specOf('openai', server)),
      ask('x'),
      z.object({ a: z.string() }),
      {
        name: 'thing',
      },
    )
    expect(value).toEqual({ a: 'x' })
    expect(last().body.response_format).toEqual({ type: 'json_object' })
    expect(last().body.messages[0].content).toContain('"properties":{"a"')
  })

  test('extra body fields and the name of the length field', async () => {
    const extraBody = { chat_template_kwargs: { enable_thinking: false } }
    const models = modelsAt({ providers: { openai: { extraBody, maxTokensField: 'max_completion_tokens' } } })
    await models.model(specOf('openai', server)).generate(ask('x', { maxTokens: 12, seed: 3 }))
    expect(last().body).toMatchObject({ ...extraBody, max_completion_tokens: 12, seed: 3 })
    expect(last().body.max_tokens).toBeUndefined()
  })

  test('no key is sent to a server it was not named for', async () => {
    const models = modelsAt({ providers: { openai: { keyEnv: null } } })
    await models.model(specOf('openai', server)).generate(ask('x'))
    expect(last().headers.authorization).toBeUndefined()
  })
})
