// Retries alone: how long pauses are, when they end, and that a deaf model cannot hang a call.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LanguageModelError } from '../../lib/llm/errors.ts'
import type { LanguageModel } from '../../lib/llm/model.ts'
import { type RetryPolicy, retrying, systemClock } from '../../lib/llm/retry.ts'
import { retryAfterSeconds } from '../../lib/llm/retry-after.ts'
import { ask, failure, reply, TestClock } from './kit.ts'

const policy: RetryPolicy = {
  attempts: 8,
  attemptSeconds: 10,
  silenceSeconds: 10,
  deadlineSeconds: 1000,
  backoffSeconds: 1,
  maxBackoffSeconds: 10,
  maxRetryAfterSeconds: 60,
}
const flaky = (failures: number, error: () => unknown): LanguageModel & { calls: number } => ({
  name: 'test/flaky',
  calls: 0,
  async generate() {
    if (this.calls++ < failures) throw error()
    return reply('there')
  },
})
const passing = (retryAfterSeconds?: number) => () =>
  new LanguageModelError('LLM_SERVER', 'HTTP 500', {
    retryable: true,
    status: 500,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })

test('pauses grow by doubling up to the cap, each scaled by its draw', async () => {
  const clock = new TestClock()
  await retrying(flaky(6, passing()), policy, clock).generate(ask('x'))
  expect(clock.pauses).toEqual([0.5, 1, 2, 4, 5, 5])
})

test('with any draws, pauses lie in their bounds and the call within its deadline', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 12, maxLength: 12 }),
      fc.option(fc.double({ min: 0, max: 500, noNaN: true })),
      fc.double({ min: 1, max: 200, noNaN: true }),
      async (draws, asked, deadlineSeconds) => {
        const clock = new TestClock()
        const drawn = [...draws]
        clock.random = () => drawn.shift() ?? 0
        const model = flaky(99, passing(asked ?? undefined))
        await failure(retrying(model, { ...policy, deadlineSeconds }, clock).generate(ask('x')), 'LLM_SERVER')
        expect(clock.seconds).toBeLessThan(deadlineSeconds)
        clock.pauses.forEach((pause, i) => {
          const most = asked === null ? Math.min(10, 2 ** i) : Math.min(asked, 60) + 1
          const least = asked === null ? 0 : Math.min(asked, 60)
          expect(pause).toBeGreaterThanOrEqual(least)
          expect(pause).toBeLessThanOrEqual(most)
        })
        expect(model.calls).toBe(clock.pauses.length + 1)
        expect(model.calls).toBeLessThanOrEqual(policy.attempts)
      },
    ),
  )
})

test('what will not pass is not asked again', async () => {
  const model = flaky(1, () => new LanguageModelError('LLM_AUTH', 'no', { status: 401 }))
  await failure(retrying(model, policy, new TestClock()).generate(ask('x')), 'LLM_AUTH')
  expect(model.calls).toBe(1)
  const broken = flaky(1, () => new TypeError('a fault of ours'))
  await expect(retrying(broken, policy, new TestClock()).generate(ask('x'))).rejects.toThrow(TypeError)
  expect(broken.calls).toBe(1)
})

test('a model that neither answers nor heeds its signal ends at the attempt’s limit', async () => {
  const deaf: LanguageModel = { name: 'test/deaf', generate: () => new Promise(() => {}) }
  const quick = { ...policy, attempts: 2, attemptSeconds: 0.02, backoffSeconds: 0.001 }
  const error = await failure(retrying(deaf, quick, systemClock).generate(ask('x')), 'LLM_TIMEOUT')
  expect(error.message).toContain(
    'test/deaf: expected a reply within 0.02 s, none came; raise llm.retry.attemptSeconds',
  )
})

test('a signal ends a pause at once, with its reason', async () => {
  const controller = new AbortController()
  const model = flaky(9, passing(50))
  const call = retrying(model, policy, systemClock).generate(ask('x', { signal: controller.signal }))
  setTimeout(() => controller.abort(new Error('enough')), 10)
  await expect(call).rejects.toThrow('enough')
  expect(model.calls).toBe(1)
})

describe('retryAfterSeconds', () => {
  const now = new Date('2026-01-02T03:04:05Z')
  test.each<[Record<string, string> | undefined, unknown, number | undefined]>([
    [{ 'Retry-After': '12' }, undefined, 12],
    [{ 'retry-after': 'Fri, 02 Jan 2026 03:05:05 GMT' }, undefined, 60],
    [{ 'retry-after': 'Fri, 02 Jan 2026 03:00:00 GMT' }, undefined, 0],
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, undefined, 1.5],
    [{ 'retry-after': 'soon' }, undefined, undefined],
    [{ 'retry-after': '-3' }, undefined, undefined],
    [undefined, { error: { details: [{ reason: 'x' }, { retryDelay: '3s' }] } }, 3],
    [undefined, { error: { details: [null, { retryDelay: 'never' }] } }, undefined],
    [undefined, 'text', undefined],
  ])('%j %j -> %s', (headers, body, seconds) => {
    expect(retryAfterSeconds(headers, body, now)).toBe(seconds)
  })
})
