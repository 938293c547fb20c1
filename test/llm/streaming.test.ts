// Streamed replies: the same reply as without, its text in pieces as they come; every way a stream can break.
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { cacheKey } from '../../lib/llm/canonical.ts'
import type { LanguageModel } from '../../lib/llm/model.ts'
import { redactor } from '../../lib/llm/redact.ts'
import { retrying, systemClock } from '../../lib/llm/retry.ts'
import { parseSettings } from '../../lib/llm/settings.ts'
import { askFor } from '../../lib/llm/structured.ts'
import { APIS, ask, failure, KEYS, modelsAt, reply, specOf, temporary } from './kit.ts'
import { type Answer, type Break, type Seen, say, status, TestServer } from './server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.close())
afterEach(() => {
  expect(server.violations.splice(0)).toEqual([])
  server.seen.length = 0
  server.next = []
  server.otherwise = () => say('hello')
  server.chunkBytes = Number.POSITIVE_INFINITY
})

/** The pieces told, and when the first came. */
function listener() {
  const pieces: string[] = []
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const onText = (piece: string) => {
    pieces.push(piece)
    begin()
  }
  return { pieces, begun, onText }
}
const idle = async () => {
  while (server.active > 0) await new Promise((resolve) => setTimeout(resolve, 5))
}
const answerless = ({ seconds: _, ...rest }: Awaited<ReturnType<LanguageModel['generate']>>) => rest

const LOGPROBS = ['A', ' lamp', '!'].map((token, i) => ({
  token,
  logprob: -0.1 * (i + 1),
  top: [
    { token, logprob: -0.1 * (i + 1) },
    { token: 'x', logprob: -3 },
  ],
}))

describe.each(APIS)('%s', (api) => {
  const model = (settings = {}, around = {}) => modelsAt(settings, around).model(specOf(api, server))

  test('gives the reply that it gives without, in pieces', async () => {
    const said = say('A red lamp for the desk.', {
      input: 321,
      output: 45,
      ...(api === 'anthropic' ? {} : { thinking: 9 }),
    })
    server.next = [said, said]
    const { pieces, onText } = listener()
    const streamed = await model().generate(ask('x', { onText, maxTokens: 99, temperature: 0 }))
    const whole = await model().generate(ask('x', { maxTokens: 99, temperature: 0 }))
    expect(answerless(streamed)).toEqual(answerless(whole))
    expect(pieces.join('')).toBe(streamed.text)
    expect(pieces.length).toBeGreaterThan(3)
    expect(server.seen.map((seen) => seen.streamed)).toEqual([true, false])
  })

  test('pieces come while the server still writes', async () => {
    const { pieces, begun, onText } = listener()
    server.next = [{ kind: 'broken', pieces: ['one'], when: begun, ending: 'end' }]
    await failure(model({ retry: { attempts: 1 } }).generate(ask('x', { onText })), 'LLM_SERVER')
    expect(pieces).toEqual(['one'])
  })

  test('text and characters that any chunk cuts in two arrive whole', async () => {
    const text = 'Größe 🛒, 東京 – naïve 👩‍👩‍👧.'
    server.otherwise = () => say(text)
    for (const chunkBytes of [1, 2, 3, 7]) {
      server.chunkBytes = chunkBytes
      const { pieces, onText } = listener()
      const { text: got } = await model().generate(ask('x', { onText }))
      expect(got).toBe(text)
      expect(pieces.join('')).toBe(text)
    }
    server.chunkBytes = Number.POSITIVE_INFINITY
    server.otherwise = () => say('', { pieces: ['a\ud83d', '\uded2b'] })
    const { pieces, onText } = listener()
    await model().generate(ask('x', { onText }))
    expect(pieces).toEqual(['a', '🛒b'])
  })

  test('a cut at the longest length, a refusal, no text at all', async () => {
    const { pieces, onText } = listener()
    server.next = [say('half a', { finish: 'length' }), say('', { finish: 'refused' }), say('')]
    expect(await model().generate(ask('x', { onText }))).toMatchObject({ text: 'half a', finish: 'length' })
    expect(await model().generate(ask('x', { onText }))).toMatchObject({ text: '', finish: 'refused' })
    expect(await model().generate(ask('x', { onText }))).toMatchObject({ text: '', finish: 'stop' })
    expect(pieces.join('')).toBe('half a')
    expect(pieces).not.toContain('')
  })

  test('structured output streams its JSON', async () => {
    const { pieces, onText } = listener()
    server.next = [say('{"done":true}')]
    const { value } = await askFor(
      model(),
      ask('x', { onText, maxTokens: 50 }),
      z.object({ done: z.boolean() }),
      {
        name: 'verdict',
      },
    )
    expect(value).toEqual({ done: true })
    expect(pieces.join('')).toBe('{"done":true}')
  })

  test.each<[string, Answer]>([
    ['429', status(429)],
    ['500', status(500)],
    ['a reset', { kind: 'reset' }],
    ['a stream without events', { kind: 'raw', body: '' }],
    ['an end before the text', { kind: 'broken', pieces: [], ending: 'end' }],
    ['a cut before the text', { kind: 'broken', pieces: [], ending: 'cut' }],
    ['an error event before the text', { kind: 'broken', pieces: [], ending: 'error event' }],
    ['a malformed event before the text', { kind: 'broken', pieces: [], ending: 'malformed event' }],
  ])('%s: asked again', async (_, answer) => {
    const { pieces, onText } = listener()
    server.next = [answer, say('there')]
    const { text } = await model().generate(ask('x', { onText }))
    expect(text).toBe('there')
    expect(pieces.join('')).toBe('there')
    expect(server.seen.length).toBe(2)
  })

  test.each<[Break, Parameters<typeof failure>[1]]>([
    ['cut', 'LLM_SERVER'],
    ['end', 'LLM_SERVER'],
    ['error event', 'LLM_SERVER'],
    ['malformed event', 'LLM_MALFORMED'],
    ['foreign event', 'LLM_MALFORMED'],
    ['silence', 'LLM_TIMEOUT'],
  ])('%s after a piece: an error that says so, and nothing told twice', async (ending, code) => {
    const { pieces, begun, onText } = listener()
    server.next = [{ kind: 'broken', pieces: ['red ', 'lamp'], when: begun, ending }]
    const capped = { capDollars: 1, prices: { [`${api}:test-model`]: { input: 1, output: 1e4 } } }
    const models = modelsAt({
      ...capped,
      maxTokens: 50,
      retry: { silenceSeconds: ending === 'silence' ? 0.3 : 60 },
    })
    const call = models.model(specOf(api, server)).generate(ask('x', { onText }))
    const error = await failure(call, code)
    expect(error.message).toContain('not asked again: 8 characters')
    expect(error.message).toContain(`${api}/test-model`)
    expect(error.retryable).toBe(false)
    expect(pieces.join('')).toBe('red lamp')
    expect(server.seen.length).toBe(1)
    await idle()
    // The longest reply is what it may have cost; it is settled once the connection is closed.
    while (models.budget.reserved > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(models.budget.spent).toBeGreaterThanOrEqual(0.5)
  })

  test('401, 400: an error at once', async () => {
    server.next = [status(401), status(400)]
    await failure(model().generate(ask('x', { onText() {} })), 'LLM_AUTH')
    await failure(model().generate(ask('x', { onText() {} })), 'LLM_BAD_REQUEST')
    expect(server.seen.length).toBe(2)
  })

  test('an onText that throws ends the call with its error, and the connection', async () => {
    for (const mode of ['off', 'read-write'] as const) {
      server.next = [{ kind: 'broken', pieces: ['one'], ending: 'silence' }]
      const reason = new Error('no more')
      const call = model({ cache: { mode, directory: temporary() } }).generate(
        ask('x', {
          onText() {
            throw reason
          },
        }),
      )
      await expect(call).rejects.toBe(reason)
      await idle()
    }
    expect(server.seen.length).toBe(2)
  })

  test('the caller’s signal ends the stream and the connection', async () => {
    const { pieces, begun, onText } = listener()
    server.next = [{ kind: 'broken', pieces: ['one'], ending: 'silence' }]
    const controller = new AbortController()
    const reason = new Error('enough')
    const call = expect(model().generate(ask('x', { onText, signal: controller.signal }))).rejects.toBe(
      reason,
    )
    await begun
    controller.abort(reason)
    await call
    await idle()
    expect(pieces).toEqual(['one'])
  })

  test('no key is in a piece, however the server cuts it', async () => {
    const key = Object.values(KEYS)[APIS.indexOf(api)] as string
    const text = `your key ${key}${key.slice(0, 9)} ${key}.`
    for (const size of [1, 5, 11, 400]) {
      const { pieces, onText } = listener()
      server.next = [say(text, { pieces: text.match(new RegExp(`.{1,${size}}`, 'gs')) as string[] })]
      const { text: got } = await model().generate(ask('x', { onText }))
      expect(pieces.join('')).toBe(`your key [key]${key.slice(0, 9)} [key].`)
      expect(got).toBe(pieces.join(''))
    }
    server.next = [{ kind: 'raw', body: `data: {"${key} ${Buffer.from(key).toString('base64')}\n\n` }]
    const error = await failure(
      model({ retry: { attempts: 1 } }).generate(ask('x', { onText() {} })),
      'LLM_MALFORMED',
    )
    expect(inspect(error, { depth: 9 })).not.toContain(key)
  })
})

test.each(['gemini', 'openai'] as const)('%s: log-probabilities of all events', async (api) => {
  const said = say('A lamp!', { pieces: LOGPROBS.map(({ token }) => token), logprobs: LOGPROBS })
  server.next = [said, said]
  const model = modelsAt().model(specOf(api, server))
  const streamed = await model.generate(ask('x', { topLogprobs: 2, onText() {} }))
  const whole = await model.generate(ask('x', { topLogprobs: 2 }))
  expect(streamed.logprobs).toHaveLength(3)
  expect(answerless(streamed)).toEqual(answerless(whole))
})

test('OpenAI: a content filter’s 400 is a refusal, and usage is asked for', async () => {
  const model = modelsAt().model(specOf('openai', server))
  server.next = [status(400, {}, { error: { message: 'Filtered.', type: null, code: 'content_filter' } })]
  expect(await model.generate(ask('x', { onText() {} }))).toMatchObject({ text: '', finish: 'refused' })
  expect((server.seen[0] as Seen).body).toMatchObject({
    stream: true,
    stream_options: { include_usage: true },
  })
})

describe('cache', () => {
  const cached = () =>
    modelsAt({ cache: { mode: 'read-write', directory: temporary() } }).model(specOf('openai', server))

  test('streamed or not is one key; a kept reply is one piece', async () => {
    const model = cached()
    expect(cacheKey(model, ask('x', { onText() {} }))).toBe(cacheKey(model, ask('x')))
    server.next = [say('A red lamp.')]
    const first = listener()
    await model.generate(ask('x', { onText: first.onText }))
    const second = listener()
    expect(await model.generate(ask('x', { onText: second.onText }))).toMatchObject({ cached: true })
    expect(first.pieces.length).toBeGreaterThan(1)
    expect(second.pieces).toEqual(['A red lamp.'])
    const reason = new Error('no more')
    const thrown = model.generate(
      ask('x', {
        onText() {
          throw reason
        },
      }),
    )
    await expect(thrown).rejects.toBe(reason)
    expect(server.seen.length).toBe(1)
  })

  test('who shares a call under way survives the other’s onText', async () => {
    const model = cached()
    server.delay = 50
    server.next = [say('A red lamp.')]
    const reason = new Error('no more')
    const throwing = model.generate(
      ask('x', {
        onText() {
          throw reason
        },
      }),
    )
    const { pieces, onText } = listener()
    const sharing = model.generate(ask('x', { onText }))
    await expect(throwing).rejects.toBe(reason)
    expect(await sharing).toMatchObject({ text: 'A red lamp.', cached: true })
    expect(pieces).toEqual(['A red lamp.'])
    expect(server.seen.length).toBe(1)
    server.delay = 0
  })
})

test('a model that goes on talking after its deadline is not heard', async () => {
  const { pieces, onText } = listener()
  let late = () => {}
  const deaf: LanguageModel = {
    name: 'test/deaf',
    generate: (request) => {
      request.onText?.('one')
      late = () => request.onText?.('two')
      return new Promise(() => {})
    },
  }
  const policy = { ...parseSettings().retry, silenceSeconds: 0.05 }
  const error = await failure(
    retrying(deaf, policy, systemClock).generate(ask('x', { onText })),
    'LLM_TIMEOUT',
  )
  expect(error.message).toContain('llm.retry.silenceSeconds')
  late()
  expect(pieces).toEqual(['one'])
})

test('a silence is measured between pieces, not over the reply', async () => {
  const slow: LanguageModel = {
    name: 'test/slow',
    async generate(request) {
      for (const piece of ['a', 'b', 'c', 'd']) {
        await new Promise((resolve) => setTimeout(resolve, 150))
        request.onText?.(piece)
      }
      return reply('abcd')
    },
  }
  const { pieces, onText } = listener()
  const policy = { ...parseSettings().retry, silenceSeconds: 0.5 }
  await retrying(slow, policy, systemClock).generate(ask('x', { onText }))
  expect(pieces).toEqual(['a', 'b', 'c', 'd'])
})

test('what is settled of a text has whole secrets only, however it is cut', () => {
  const secrets = ['abab-abab', 'abab-ababXYab', 'bab-aba+/1']
  const redact = redactor(secrets)
  const word = fc.constantFrom(...secrets, 'ab', 'a', 'b', '-', 'abab-', 'XY', ' ')
  fc.assert(
    fc.property(
      fc.array(word),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (words, sizes) => {
        const text = words.join('')
        let held = ''
        const given: string[] = []
        for (let at = 0, i = 0; at < text.length; i++) {
          const size = sizes[i % sizes.length] as number
          held += text.slice(at, at + size)
          at += size
          const cut = redact.settled(held)
          given.push(held.slice(0, cut))
          held = held.slice(cut)
        }
        given.push(held)
        expect(given.join('')).toBe(text)
        // Every occurrence lies within one of the slices.
        for (const secret of secrets) {
          for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1)) {
            let end = 0
            const inside = given.some((slice) => {
              const start = end
              end += slice.length
              return start <= at && at + secret.length <= end
            })
            expect(inside, `${secret} at ${at} of ${JSON.stringify(given)}`).toBe(true)
          }
        }
      },
    ),
  )
})
