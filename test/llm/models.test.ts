// Specs, requests and settings: what is accepted, and the sentence for what is not.
import { describe, expect, test } from 'vitest'
import { checkRequest } from '../../lib/llm/check-request.ts'
import { LanguageModelError } from '../../lib/llm/errors.ts'
import type { ModelRequest } from '../../lib/llm/model.ts'
import { LanguageModels, languageModel } from '../../lib/llm/models.ts'
import { parseSettings } from '../../lib/llm/settings.ts'
import { parseSpec } from '../../lib/llm/spec.ts'
import { ask, modelsAt, PNG } from './kit.ts'

describe('specs', () => {
  test.each([
    ['gemini:gemini-2.5-pro', 'gemini', 'gemini-2.5-pro', undefined],
    [
      'openai:google/gemma-3-12b-it@http://localhost:8000/v1/',
      'openai',
      'google/gemma-3-12b-it',
      'http://localhost:8000/v1',
    ],
    ['openai:qwen3:8b@https://h.example/v1', 'openai', 'qwen3:8b', 'https://h.example/v1'],
    ['openai:a@b', 'openai', 'a@b', undefined],
    ['anthropic:claude-x', 'anthropic', 'claude-x', undefined],
    ['native:runs/a@http://b/best', 'native', 'runs/a@http://b/best', undefined],
  ])('%s', (spec, provider, model, baseURL) => {
    expect(parseSpec(spec)).toEqual({ provider, model, baseURL })
  })

  test.each([
    '',
    'gemini',
    'gemini:',
    'gpt:x',
    'Gemini:x',
    'openai:x@http://',
    'openai:x@http://user:pass-word@h/v1',
    'openai:x@http://h/v1?key=pass-word',
  ])('%j is refused with a sentence', (spec) => {
    try {
      parseSpec(spec)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(LanguageModelError)
      expect((error as LanguageModelError).code).toBe('LLM_BAD_REQUEST')
      expect((error as Error).message).toMatch(/^model: expected /)
      expect((error as Error).message).not.toContain('pass-word')
    }
  })

  test('opening models touches nothing: no key, no folder, no address is needed', () => {
    const models = new LanguageModels({}, { env: {} })
    for (const spec of ['gemini:a', 'openai:b', 'anthropic:c', 'native:/none']) {
      expect(models.model(spec).name).toBe(spec.replace(':', '/'))
    }
    expect(languageModel('gemini:a', {}, { env: {} }).name).toBe('gemini/a')
  })

  test('one name at two addresses is two models to the cache', () => {
    const models = modelsAt()
    const [a, b] = ['http://a/v1', 'http://b/v1'].map((url) => models.model(`openai:m@${url}`))
    expect(a?.name).toBe(b?.name)
    expect(a?.variant).not.toBe(b?.variant)
  })
})

describe('requests', () => {
  const bad: [string, ModelRequest][] = [
    ['messages', { messages: [] }],
    ['messages', { messages: [...ask('a').messages, { role: 'assistant', content: 'b' }] }],
    ['messages[0].role', { messages: [{ role: 'assistant', content: 'x' }] }],
    ['messages[1].role', { messages: [...ask('a').messages, ...ask('b').messages] }],
    [
      'messages[0].content[0].png',
      { messages: [{ role: 'user', content: [{ type: 'image', png: Uint8Array.of(1, 2) }] }] },
    ],
    ['maxTokens', ask('x', { maxTokens: 0 })],
    ['maxTokens', ask('x', { maxTokens: 1.5 })],
    ['temperature', ask('x', { temperature: -1 })],
    ['temperature', ask('x', { temperature: Number.NaN })],
    ['thinking', ask('x', { thinking: -1 })],
    ['topLogprobs', ask('x', { topLogprobs: 21 })],
    ['seed', ask('x', { seed: -1 })],
    ['schema.name', ask('x', { schema: { name: 'two words', json: {} } })],
  ]
  test.each(bad)('%s', (field, request) => {
    expect(() => checkRequest(request)).toThrow(`${field}: expected `)
  })

  test('an image in an assistant’s turn', () => {
    const messages: ModelRequest['messages'] = [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: [{ type: 'image', png: PNG }] },
      { role: 'user', content: 'y' },
    ]
    expect(() => checkRequest({ messages })).toThrow('messages[1].content[0]: expected text')
  })
})

describe('settings', () => {
  test('nothing has to be given', () => {
    const settings = parseSettings()
    expect(settings).toMatchObject({
      models: { planner: null },
      capDollars: null,
      cache: { mode: 'read-write' },
    })
    expect(parseSettings(settings)).toEqual(settings)
  })

  test.each<[string, unknown]>([
    ['llm.models.planner', { models: { planner: 'gpt-5' } }],
    ['llm.providers.gemini.keyEnv', { providers: { gemini: { keyEnv: 'sk-a-real-key' } } }],
    ['llm.providers.openai.baseURL', { providers: { openai: { baseURL: 'file:///etc' } } }],
    ['llm.cache.mode', { cache: { mode: 'on' } }],
    ['llm.concurrency', { concurrency: 0 }],
    ['llm.prices', { prices: { 'gemini-2.5-pro': { input: 1, output: 1 } } }],
    ['llm', { apiKey: 'x' }],
  ])('%s is named', (field, input) => {
    try {
      parseSettings(input as never)
      expect.unreachable()
    } catch (error) {
      expect((error as LanguageModelError).code).toBe('LLM_BAD_REQUEST')
      expect((error as Error).message.startsWith(field)).toBe(true)
      expect((error as Error).message).not.toContain('sk-a-real-key')
    }
  })

  test('the rater is the planner unless told otherwise', () => {
    const models = modelsAt({ models: { planner: 'gemini:p' } })
    expect(models.role('rater')?.name).toBe('gemini/p')
    expect(models.role('judge')).toBeUndefined()
  })
})
