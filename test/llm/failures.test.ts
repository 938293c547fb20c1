// Every way a server can fail ends in a retry or in an error that says what to do, for every API.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { APIS, ask, failure, modelsAt, specOf, TestClock } from './kit.ts'
import { type Answer, say, status, TestServer } from './server.ts'

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

const PASSING: [string, Answer][] = [
  ['429', status(429)],
  ['408', status(408)],
  ['500', status(500)],
  ['502 with HTML', { kind: 'status', status: 502, body: '<html>bad gateway</html>' }],
  ['503', status(503)],
  ['529', status(529)],
  ['a truncated body', { kind: 'truncated' }],
  ['malformed JSON', { kind: 'raw', body: '{"candidates": [' }],
  ['JSON of another protocol', { kind: 'raw', body: '{"choices": 3, "candidates": 3, "content": 3}' }],
  ['an empty body', { kind: 'raw', body: '' }],
  ['an HTML page', { kind: 'raw', body: '<html>welcome</html>' }],
  ['a connection reset', { kind: 'reset' }],
  ['silence', { kind: 'slow' }],
  ['a stalled body', { kind: 'stalled' }],
]

/** A short wait only where the server will not answer: a loaded machine answers late. */
const silent = ({ kind }: Pick<Answer, 'kind'>) => kind === 'slow' || kind === 'stalled'
const retries = (answer: Answer, attempts: number) => ({
  attempts,
  ...(silent(answer) ? { attemptSeconds: 0.5 } : {}),
})

describe.each(APIS)('%s', (api) => {
  test.each(PASSING)('%s, once: asked again', async (_, answer) => {
    server.next = [answer, say('there')]
    const reply = await modelsAt({ retry: retries(answer, 9) })
      .model(specOf(api, server))
      .generate(ask('x'))
    expect(reply.text).toBe('there')
    if (!silent(answer)) expect(server.seen.length).toBe(2)
  })

  test.each<[string, Answer, Parameters<typeof failure>[1]]>([
    ['429', status(429), 'LLM_RATE_LIMIT'],
    ['500', status(500), 'LLM_SERVER'],
    ['a truncated body', { kind: 'truncated' }, 'LLM_SERVER'],
    ['malformed JSON', { kind: 'raw', body: '{"candidates": [' }, 'LLM_MALFORMED'],
    ['a connection reset', { kind: 'reset' }, 'LLM_SERVER'],
    ['silence', { kind: 'slow' }, 'LLM_TIMEOUT'],
  ])('%s, always: an error after the last attempt', async (_, answer, code) => {
    server.otherwise = () => answer
    const error = await failure(
      modelsAt({ retry: retries(answer, 3) })
        .model(specOf(api, server))
        .generate(ask('x')),
      code,
    )
    if (!silent(answer)) expect(server.seen.length).toBe(3)
    expect(error.message).toContain(`${api}/test-model`)
    expect(error.message).toContain('3 of 3 attempts')
    expect(error.retryable).toBe(false)
  })

  test.each<[string, Answer, Parameters<typeof failure>[1]]>([
    ['401', status(401), 'LLM_AUTH'],
    ['403', status(403), 'LLM_AUTH'],
    ['400', status(400), 'LLM_BAD_REQUEST'],
    ['404', status(404), 'LLM_BAD_REQUEST'],
    ['413', status(413), 'LLM_BAD_REQUEST'],
  ])('%s: an error at once', async (_, answer, code) => {
    server.next = [answer]
    const error = await failure(modelsAt().model(specOf(api, server)).generate(ask('x')), code)
    expect(error.status).toBe((answer as { status: number }).status)
    expect(server.seen.length).toBe(1)
  })

  test('Retry-After in seconds is waited for', async () => {
    const clock = new TestClock()
    server.next = [status(429, { 'retry-after': '7' }), say('there')]
    await modelsAt({}, { clock }).model(specOf(api, server)).generate(ask('x'))
    expect(clock.pauses).toEqual([7.5])
  })

  test('Retry-After as a date is waited for, up to the cap', async () => {
    const clock = new TestClock()
    const inAnHour = new Date(Date.now() + 3600_000).toUTCString()
    server.next = [status(503, { 'retry-after': inAnHour }), say('there')]
    const retry = { maxRetryAfterSeconds: 20 }
    await modelsAt({ retry }, { clock }).model(specOf(api, server)).generate(ask('x'))
    expect(clock.pauses).toEqual([20.5])
  })

  test('a wait beyond the deadline is not begun', async () => {
    const clock = new TestClock()
    server.next = [status(429, { 'retry-after': '60' })]
    const retry = { deadlineSeconds: 30 }
    const error = await failure(
      modelsAt({ retry }, { clock }).model(specOf(api, server)).generate(ask('x')),
      'LLM_RATE_LIMIT',
    )
    expect(clock.pauses).toEqual([])
    expect(error.retryAfterSeconds).toBe(60)
  })

  test('the caller’s signal ends a call with its own reason, and the connection with it', async () => {
    server.otherwise = () => ({ kind: 'slow' })
    const controller = new AbortController()
    const reason = new Error('enough')
    const call = modelsAt()
      .model(specOf(api, server))
      .generate(ask('x', { signal: controller.signal }))
    const seen = expect(call).rejects.toBe(reason)
    while (server.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    controller.abort(reason)
    await seen
    while (server.active > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(server.seen.length).toBe(1)
  })

  test('nobody listens: a connection error that names the address', async () => {
    const gone = await TestServer.start()
    const spec = specOf(api, gone)
    await gone.close()
    const error = await failure(
      modelsAt({ retry: { attempts: 3 } })
        .model(spec)
        .generate(ask('x')),
      'LLM_SERVER',
    )
    expect(error.message).toContain(new URL(spec.split('@')[1] as string).host)
    expect(error.status).toBeUndefined()
  })
})

describe('what only one provider says', () => {
  test('Gemini: a bad key is a 400 with a reason', async () => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }]
    const body = { error: { code: 400, message: 'API key not valid.', status: 'INVALID_ARGUMENT', details } }
    server.next = [status(400, {}, body)]
    await failure(modelsAt().model(specOf('gemini', server)).generate(ask('x')), 'LLM_AUTH')
  })

  test('Gemini: the pause is in the body', async () => {
    const clock = new TestClock()
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '11.5s' }]
    const body = { error: { code: 429, message: 'Quota.', status: 'RESOURCE_EXHAUSTED', details } }
    server.next = [status(429, {}, body), say('there')]
    await modelsAt({}, { clock }).model(specOf('gemini', server)).generate(ask('x'))
    expect(clock.pauses).toEqual([12])
  })

  test('OpenAI: an empty account is not asked again', async () => {
    server.next = [
      status(
        429,
        {},
        { error: { message: 'No credit.', type: 'insufficient_quota', code: 'insufficient_quota' } },
      ),
    ]
    await failure(modelsAt().model(specOf('openai', server)).generate(ask('x')), 'LLM_RATE_LIMIT')
    expect(server.seen.length).toBe(1)
  })

  test('OpenAI: a content filter’s 400 is a refusal', async () => {
    server.next = [status(400, {}, { error: { message: 'Filtered.', type: null, code: 'content_filter' } })]
    const reply = await modelsAt().model(specOf('openai', server)).generate(ask('x'))
    expect(reply).toMatchObject({ text: '', finish: 'refused' })
  })

  test('OpenAI: no choices at all', async () => {
    server.otherwise = () => ({
      kind: 'raw',
      body: '{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[]}',
    })
    const error = await failure(
      modelsAt({ retry: { attempts: 3 } })
        .model(specOf('openai', server))
        .generate(ask('x')),
      'LLM_MALFORMED',
    )
    expect(error.message).toContain('choices')
  })
})

test('a missing or broken key is named by its variable, before any connection', async () => {
  for (const [key, said] of [
    [undefined, 'found none'],
    ['  ', 'found none'],
    ['sk-with\u0000zero-0123456789', 'printable ASCII'],
  ] as const) {
    const env = key === undefined ? {} : { GEMINI_API_KEY: key }
    const error = await failure(
      modelsAt({}, { env }).model(specOf('gemini', server)).generate(ask('x')),
      'LLM_AUTH',
    )
    expect(error.message).toContain('GEMINI_API_KEY')
    expect(error.message).toContain(said)
    expect(error.message).not.toContain('sk-with')
  }
  expect(server.seen).toEqual([])
})
