// Concurrency, the spending cap and the ledger: never more at once, never more dollars, nothing uncounted.
import PQueue from 'p-queue'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Budget, budgeted } from '../../lib/llm/budget.ts'
import { LanguageModelError } from '../../lib/llm/errors.ts'
import { limited } from '../../lib/llm/limited.ts'
import type { LanguageModel } from '../../lib/llm/model.ts'
import { ask, failure, modelsAt, PNG, reply, specOf, temporary } from './kit.ts'
import { say, status, TestServer } from './server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.close())

describe('concurrency', () => {
  test('models of one server share its turns, and every call has one', async () => {
    const models = modelsAt({ concurrency: 3 })
    const [a, b] = [models.model(specOf('openai', server)), models.model(specOf('openai', server), 'judge')]
    server.mostActive = 0
    server.delay = 30
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? a : b).generate(ask(`${i}`))),
    )
    server.delay = 0
    expect(replies.every((r) => r.text === 'hello')).toBe(true)
    expect(server.mostActive).toBe(3)
  })

  test('a wait for a turn ends at its deadline, and says what it waited for', async () => {
    const stuck: LanguageModel = { name: 'test/stuck', generate: () => new Promise(() => {}) }
    const model = limited(stuck, new PQueue({ concurrency: 1 }), 0.02)
    void model.generate(ask('first'))
    const error = await failure(model.generate(ask('second')), 'LLM_TIMEOUT')
    expect(error.message).toContain('test/stuck: expected a turn among 1 concurrent calls within 0.02 s')
  })

  test('who leaves the queue is not asked for', async () => {
    let calls = 0
    let finish = () => {}
    const slow: LanguageModel = {
      name: 'test/slow',
      generate: () => {
        calls++
        return new Promise((resolve) => (finish = () => resolve(reply('x'))))
      },
    }
    const model = limited(slow, new PQueue({ concurrency: 1 }), 60)
    const first = model.generate(ask('first'))
    await vi.waitFor(() => expect(calls).toBe(1))
    const controller = new AbortController()
    const second = model.generate(ask('second', { signal: controller.signal }))
    controller.abort(new Error('leaving'))
    await expect(second).rejects.toThrow('leaving')
    finish()
    await first
    expect(calls).toBe(1)
  })
})

describe('the spending cap', () => {
  const price = { input: 1, output: 10 }
  const priced = (cap: number | null, model: LanguageModel) => {
    const budget = new Budget(cap)
    return { budget, model: budgeted(model, budget, price) }
  }
  const used = (inputTokens: number, outputTokens: number) =>
    reply('x', { usage: { inputTokens, outputTokens, thinkingTokens: 0 } })

  test('a reply costs what its tokens cost', async () => {
    const { budget, model } = priced(1, { name: 'm', generate: async () => used(2000, 300) })
    const { usage } = await model.generate(ask('x', { maxTokens: 300 }))
    expect(usage.cost).toBeCloseTo(0.005, 12)
    expect(budget.spent).toBeCloseTo(0.005, 12)
    expect(budget.reserved).toBe(0)
  })

  test('under any load the cap holds at every moment, and every call ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            prompt: fc.integer({ min: 1, max: 2000 }),
            maxTokens: fc.integer({ min: 1, max: 1000 }),
            share: fc.double({ min: 0, max: 1, noNaN: true }),
            end: fc.constantFrom(
              'reply' as const,
              'timeout' as const,
              'rate limit' as const,
              'uncounted' as const,
            ),
          }),
          { minLength: 1, maxLength: 25 },
        ),
        fc.double({ min: 0, max: 0.05, noNaN: true }),
        async (calls, cap) => {
          const budget = new Budget(cap)
          const over = () => budget.spent + budget.reserved > cap + 1e-12
          const ends = await Promise.allSettled(
            calls.map(({ prompt, maxTokens, share, end }) => {
              const model: LanguageModel = {
                name: 'm',
                async generate() {
                  expect(over()).toBe(false)
                  await new Promise((resolve) => setImmediate(resolve))
                  if (end === 'timeout') throw new LanguageModelError('LLM_TIMEOUT', 'late')
                  if (end === 'rate limit')
                    throw new LanguageModelError('LLM_RATE_LIMIT', 'no', { status: 429 })
                  return end === 'uncounted'
                    ? used(0, 0)
                    : used(Math.ceil(prompt * share), Math.ceil(maxTokens * share))
                },
              }
              return budgeted(model, budget, price).generate(ask('x'.repeat(prompt), { maxTokens }))
            }),
          )
          expect(over()).toBe(false)
          expect(budget.reserved).toBe(0)
          for (const end of ends) {
            if (end.status === 'rejected')
              expect(['LLM_BUDGET', 'LLM_TIMEOUT', 'LLM_RATE_LIMIT']).toContain(end.reason.code)
          }
        },
      ),
    )
  })

  test('a call waits for those under way to settle, then fits or is refused', async () => {
    const finish: (() => void)[] = []
    const { budget, model } = priced(0.011, {
      name: 'm',
      generate: () => new Promise((resolve) => finish.push(() => resolve(used(100, 50)))),
    })
    const request = ask('x'.repeat(84), { maxTokens: 990 })
    const first = model.generate(request)
    const second = model.generate(request)
    await vi.waitFor(() => expect(finish.length).toBe(1))
    expect(budget.reserved).toBeCloseTo(0.01, 6)
    finish[0]?.()
    await first
    await vi.waitFor(() => expect(finish.length).toBe(2))
    finish[1]?.()
    await second
    const error = await failure(model.generate(request), 'LLM_BUDGET')
    expect(error.message).toContain('llm.capDollars = 0.011')
    expect(finish.length).toBe(2)
  })

  test('a wait for money ends with the caller’s signal', async () => {
    const { model } = priced(0.011, { name: 'm', generate: () => new Promise(() => {}) })
    const request = ask('x', { maxTokens: 990 })
    void model.generate(request)
    const controller = new AbortController()
    const second = model.generate({ ...request, signal: controller.signal })
    controller.abort(new Error('poor'))
    await expect(second).rejects.toThrow('poor')
  })

  test('without a cap replies are priced and nothing is needed to bound them', async () => {
    const { budget, model } = priced(null, { name: 'm', generate: async () => used(2000, 300) })
    expect((await model.generate(ask('x'))).usage.cost).toBeCloseTo(0.005, 12)
    expect(budget.spent).toBeCloseTo(0.005, 12)
  })

  test('under a cap a call needs a limit on its reply', async () => {
    const { model } = priced(1, { name: 'm', generate: async () => used(1, 1) })
    expect((await failure(model.generate(ask('x')), 'LLM_BAD_REQUEST')).message).toContain(
      'set llm.maxTokens',
    )
  })

  test('images count, whatever the text', async () => {
    const { budget, model } = priced(0.003, { name: 'm', generate: async () => used(1, 1) })
    const request = {
      messages: [{ role: 'user' as const, content: [{ type: 'image' as const, png: PNG }] }],
      maxTokens: 1,
    }
    await failure(model.generate(request), 'LLM_BUDGET')
    expect(budget.spent).toBe(0)
  })

  test('a cap without a price is refused when the model is made, not when money is gone', () => {
    const models = modelsAt({ capDollars: 1, prices: { 'openai:known': price } })
    expect(() => models.model('openai:unknown')).toThrow('llm.prices: expected a price for openai/unknown')
    expect(models.model('openai:known').name).toBe('openai/known')
  })

  test('on the wire: refused before a request is made, and every attempt is paid for', async () => {
    const settings = {
      capDollars: 0.02,
      prices: { 'gemini:test-model': price },
      retry: { attempts: 2 },
    }
    const models = modelsAt(settings)
    const model = models.model(specOf('gemini', server))
    server.seen.length = 0
    await failure(model.generate(ask('x', { maxTokens: 100_000 })), 'LLM_BUDGET')
    expect(server.seen.length).toBe(0)
    // A reply that broke off may be billed in full; a refused request is not.
    server.next = [{ kind: 'truncated' }, say('there', { input: 10, output: 5 })]
    await model.generate(ask('x', { maxTokens: 100 }))
    expect(models.budget.spent).toBeCloseTo((17 + 100 * 10 + 10 + 5 * 10) / 1e6, 9)
    const spent = models.budget.spent
    server.next = [status(429), status(429)]
    await failure(model.generate(ask('x', { maxTokens: 100 })), 'LLM_RATE_LIMIT')
    expect(models.budget.spent).toBe(spent)
  })
})

test('the ledger counts calls, tokens, dollars, cache hits and failures by purpose', async () => {
  const settings = {
    models: { planner: specOf('openai', server), judge: specOf('gemini', server) },
    cache: { mode: 'read-write' as const, directory: temporary() },
    prices: { 'openai:test-model': { input: 1, output: 10 } },
  }
  const models = modelsAt(settings)
  const [planner, rater, judge] = (['planner', 'rater', 'judge'] as const).map((role) => models.role(role))
  server.otherwise = () => say('x', { input: 100, output: 30, thinking: 20 })
  await planner?.generate(ask('one'))
  await planner?.generate(ask('two'))
  await rater?.generate(ask('two'))
  await judge?.generate(ask('one'))
  server.next = [status(400)]
  await failure((judge as LanguageModel).generate(ask('bad')), 'LLM_BAD_REQUEST')
  const common = { model: 'openai/test-model' }
  expect(models.usage()).toMatchObject([
    {
      ...common,
      purpose: 'planner',
      calls: 2,
      cached: 0,
      failures: {},
      inputTokens: 200,
      outputTokens: 60,
      thinkingTokens: 40,
    },
    { ...common, purpose: 'rater', calls: 0, cached: 1, inputTokens: 0, cost: 0 },
    {
      purpose: 'judge',
      model: 'gemini/test-model',
      calls: 1,
      failures: { LLM_BAD_REQUEST: 1 },
      cost: undefined,
    },
  ])
  expect(models.usage()[0]?.cost).toBeCloseTo((200 + 600) / 1e6, 12)
  expect(server.violations).toEqual([])
})
