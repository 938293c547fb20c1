// The response cache: what makes two requests one, what a file may look like, and that offline means offline.
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { CacheStore } from '../../lib/llm/cache-store.ts'
import { cached, type CacheMode, type ResponseCache } from '../../lib/llm/cached.ts'
import { cacheKey, canonicalRequest } from '../../lib/llm/canonical.ts'
import type { LanguageModel, ModelReply, ModelRequest } from '../../lib/llm/model.ts'
import { SingleFlight } from '../../lib/llm/single-flight.ts'
import { APIS, ask, failure, modelsAt, PNG, reply, specOf, temporary } from './kit.ts'
import { say, TestServer } from './server.ts'

let directory: string
beforeEach(() => {
  directory = temporary()
})

const notes: string[] = []
const cache = (mode: CacheMode = 'read-write'): ResponseCache => ({
  mode,
  store: new CacheStore(directory, (text) => text),
  flights: new SingleFlight(),
  onNote: (note) => notes.push(note),
})

function counting(make: (request: ModelRequest, call: number) => ModelReply | Promise<ModelReply>) {
  const model = {
    name: 'test/model',
    calls: 0,
    generate: async (request: ModelRequest) => make(request, model.calls++),
  }
  return model satisfies LanguageModel & { calls: number }
}

describe('the key', () => {
  const part = fc.oneof(
    fc.record({ type: fc.constant('text' as const), text: fc.string({ unit: 'grapheme' }) }),
    fc.record({ type: fc.constant('image' as const), png: fc.uint8Array({ maxLength: 6 }) }),
  )
  const message = fc.record({
    role: fc.constantFrom('user' as const, 'assistant' as const),
    content: fc.oneof(fc.string(), fc.array(part, { maxLength: 3 })),
  })
  const request: fc.Arbitrary<ModelRequest> = fc.record(
    {
      system: fc.string(),
      messages: fc.array(message, { minLength: 1, maxLength: 3 }),
      maxTokens: fc.nat(9),
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
      thinking: fc.oneof(fc.nat(9), fc.constant('auto' as const)),
      schema: fc.record({ name: fc.string(), json: fc.jsonValue() }),
      topLogprobs: fc.nat(3),
      seed: fc.nat(3),
    },
    { requiredKeys: ['messages'] },
  ) as fc.Arbitrary<ModelRequest>
  const model = { name: 'test/model' }

  /** The same value with the fields of every object in another order. */
  function shuffled(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(shuffled)
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, field]) => [name, shuffled(field)]),
    )
  }

  test('does not depend on the order of fields, absent fields or the signal', () => {
    fc.assert(
      fc.property(request, (r) => {
        const other = { ...(shuffled(r) as ModelRequest), signal: new AbortController().signal }
        // As a caller without exact optional types would write it.
        if (!('system' in other)) Object.assign(other, { system: undefined })
        expect(cacheKey(model, other)).toBe(cacheKey(model, r))
      }),
    )
  })

  test('is equal for two requests exactly when they say the same', () => {
    const image = (bytes: Uint8Array) => `png ${Buffer.from(bytes).toString('hex')}`
    // An independent spelling of "the same": nested arrays in a fixed order, images by their bytes.
    const meaning = (r: ModelRequest) =>
      JSON.stringify([
        r.system ?? null,
        r.messages.map(({ role, content }) => [
          role,
          typeof content === 'string'
            ? [['text', content]]
            : content.map((p) => (p.type === 'text' ? ['text', p.text] : ['image', image(p.png)])),
        ]),
        [r.maxTokens ?? null, r.temperature === undefined ? null : r.temperature + 0, r.thinking ?? null],
        [r.topLogprobs ?? null, r.seed ?? null],
        r.schema ? [r.schema.name, sorted(r.schema.json)] : null,
      ])
    const sorted = (value: unknown): unknown => {
      if (Array.isArray(value)) return ['array', ...value.map(sorted)]
      if (typeof value !== 'object' || value === null) return value
      const names = Object.keys(value).sort()
      return ['object', names.map((name) => [name, sorted((value as Record<string, unknown>)[name])])]
    }
    fc.assert(
      fc.property(request, request, (a, b) => {
        expect(cacheKey(model, a) === cacheKey(model, b)).toBe(meaning(a) === meaning(b))
      }),
      { numRuns: 300 },
    )
  })

  test('changes with every field alone, with the model and its variant', () => {
    const base: ModelRequest = { messages: [{ role: 'user', content: 'x' }] }
    const image = (png: Uint8Array) => ({
      messages: [{ role: 'user' as const, content: [{ type: 'image' as const, png }] }],
    })
    const requests: ModelRequest[] = [
      base,
      { ...base, system: '' },
      { ...base, maxTokens: 1 },
      { ...base, temperature: 0 },
      { ...base, thinking: 0 },
      { ...base, thinking: 'auto' },
      { ...base, schema: { name: 'a', json: {} } },
      { ...base, schema: { name: 'b', json: {} } },
      { ...base, schema: { name: 'a', json: { type: 'object' } } },
      { ...base, topLogprobs: 0 },
      { ...base, seed: 0 },
      { ...base, seed: 1 },
      { messages: [{ role: 'assistant', content: 'x' }] },
      { messages: [{ role: 'user', content: 'x ' }] },
      { messages: [...base.messages, ...base.messages] },
      image(PNG),
      image(PNG.slice(0, -1)),
    ]
    const keys = requests.map((r) => cacheKey(model, r))
    keys.push(
      cacheKey({ name: 'test/other' }, base),
      cacheKey({ name: 'test/model', variant: 'http://a' }, base),
    )
    expect(new Set(keys).size).toBe(requests.length + 2)
    expect(cacheKey(model, { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] })).toBe(
      keys[0],
    )
  })

  test('holds images by their hash and refuses what JSON cannot say', () => {
    const image: ModelRequest = { messages: [{ role: 'user', content: [{ type: 'image', png: PNG }] }] }
    expect(JSON.stringify(canonicalRequest(model, image))).toMatch(/"png":"sha256:[0-9a-f]{64}"/)
    expect(() => cacheKey(model, ask('x', { temperature: Number.NaN }))).toThrow(
      'request.temperature: expected a finite',
    )
  })
})

describe('on disk', () => {
  test('a reply is kept whole and found again by another process’s cache', async () => {
    const logprobs = [{ token: 'a', logprob: -0.5, top: [{ token: 'a', logprob: -0.5 }] }]
    const usage = { inputTokens: 3, outputTokens: 2, thinkingTokens: 1, cost: 0.001 }
    const model = counting(() => reply('héllo\u2028', { finish: 'length', logprobs, usage, seconds: 2 }))
    const first = await cached(model, cache()).generate(ask('x'))
    const again = await cached(model, cache()).generate(ask('x'))
    expect(first).toMatchObject({ text: 'héllo\u2028', cached: false, seconds: 2 })
    expect(again).toEqual({ ...first, cached: true, seconds: 0 })
    expect(model.calls).toBe(1)
    const key = cacheKey(model, ask('x'))
    expect(readdirSync(join(directory, key.slice(0, 2)))).toEqual([`${key}.json`])
  })

  test('off: every call is its own, and nothing is written', async () => {
    const model = counting((_, call) => reply(String(call)))
    const plain = cached(model, cache('off'))
    const texts = await Promise.all([plain.generate(ask('x')), plain.generate(ask('x'))])
    expect(texts.map((r) => r.text)).toEqual(['0', '1'])
    expect(readdirSync(directory)).toEqual([])
  })

  test('damaged entries are noted, asked again and replaced; offline they are an error', async () => {
    const model = counting((_, call) => reply(`reply ${call}`))
    const file = new CacheStore(directory, (text) => text).path(cacheKey(model, ask('x')))
    await cached(model, cache()).generate(ask('x'))
    const good = readFileSync(file, 'utf8')
    const damages = [
      () => truncateSync(file, Math.floor(good.length / 2)),
      () => writeFileSync(file, ''),
      () => writeFileSync(file, good.replace('"stop"', '"elsewhere"')),
      () => writeFileSync(file, good.replace(/"key": "\w/, '"key": "x')),
      () => writeFileSync(file, '[]'),
    ]
    for (const [i, damage] of damages.entries()) {
      damage()
      const error = await failure(cached(model, cache('offline')).generate(ask('x')), 'LLM_OFFLINE')
      expect(error.message).toContain(file)
      notes.length = 0
      expect(await cached(model, cache()).generate(ask('x'))).toMatchObject({
        text: `reply ${i + 1}`,
        cached: false,
      })
      expect(notes).toHaveLength(1)
      expect(notes[0]).toContain(file)
      expect((await cached(model, cache('offline')).generate(ask('x'))).text).toBe(`reply ${i + 1}`)
    }
  })

  test('a reply that cannot be kept is returned all the same, with a note', async () => {
    notes.length = 0
    const blocked = join(directory, 'file')
    writeFileSync(blocked, '')
    const store = new CacheStore(join(blocked, 'cache'), (text) => text)
    const model = counting(() => reply('paid'))
    const found = await cached(model, { ...cache(), store }).generate(ask('x'))
    expect(found).toMatchObject({ text: 'paid', cached: false })
    expect(notes.some((note) => note.includes('not kept'))).toBe(true)
  })

  test('failures are not kept', async () => {
    const model = counting((_, call) => {
      if (call === 0) throw new Error('once')
      return reply('there')
    })
    await expect(cached(model, cache()).generate(ask('x'))).rejects.toThrow('once')
    expect((await cached(model, cache()).generate(ask('x'))).cached).toBe(false)
  })
})

describe('equal requests under way', () => {
  test('are one request; who shares it is told so', async () => {
    let answer = (_: ModelReply) => {}
    const model = counting(() => new Promise<ModelReply>((resolve) => (answer = resolve)))
    const one = cached(model, cache())
    const calls = [one.generate(ask('x')), one.generate(ask('x')), one.generate(ask('x'))]
    await vi.waitFor(() => expect(model.calls).toBe(1))
    answer(reply('shared'))
    const replies = await Promise.all(calls)
    expect(replies.map((r) => r.text)).toEqual(['shared', 'shared', 'shared'])
    expect(replies.map((r) => r.cached)).toEqual([false, true, true])
    expect(model.calls).toBe(1)
  })

  test('one caller’s abort leaves the others theirs; the last one’s stops the work', async () => {
    const flights = new SingleFlight<string>()
    let finish = (_: string) => {}
    let signal: AbortSignal | undefined
    const work = (s: AbortSignal) => {
      signal = s
      return new Promise<string>((resolve) => (finish = resolve))
    }
    const [a, b] = [new AbortController(), new AbortController()]
    const first = flights.run('k', work, a.signal)
    const second = flights.run('k', work, b.signal)
    a.abort(new Error('a leaves'))
    await expect(first).rejects.toThrow('a leaves')
    expect(signal?.aborted).toBe(false)
    finish('done')
    expect(await second).toEqual({ value: 'done', shared: true })

    const third = flights.run('k', work, b.signal)
    b.abort(new Error('b leaves'))
    await expect(third).rejects.toThrow('b leaves')
    expect(signal?.aborted).toBe(true)
  })

  test('a failure is everybody’s, and the next call starts anew', async () => {
    const flights = new SingleFlight<number>()
    const fail = () => Promise.reject(new Error('together'))
    const both = await Promise.allSettled([flights.run('k', fail), flights.run('k', fail)])
    expect(both.map((r) => r.status)).toEqual(['rejected', 'rejected'])
    expect(await flights.run('k', async () => 5)).toEqual({ value: 5, shared: false })
  })
})

test('an offline re-run gives the same replies, needs no key and opens no socket', async () => {
  const server = await TestServer.start()
  try {
    let n = 0
    server.otherwise = () => say(`reply ${n++}`, { input: 100 + n })
    const requests = [
      ask('one'),
      ask('two', { temperature: 0.5, seed: 1 }),
      ask('two', { temperature: 0.5, seed: 2 }),
    ]
    const settings = { cache: { mode: 'read-write' as const, directory } }
    const specs = APIS.map((api) => specOf(api, server))
    const run = async (models: ReturnType<typeof modelsAt>) => {
      const replies: ModelReply[] = []
      for (const spec of specs) for (const r of requests) replies.push(await models.model(spec).generate(r))
      return replies
    }
    const online = await run(modelsAt(settings))
    expect(server.violations).toEqual([])
    expect(server.seen.length).toBe(9)

    const connect = vi.spyOn(Socket.prototype, 'connect')
    try {
      // The spy sees sockets at all.
      await new Promise<void>((resolve) => {
        const probe = createServer().listen(0, '127.0.0.1', () => {
          const { port } = probe.address() as { port: number }
          new Socket().connect(port, '127.0.0.1', () => probe.close(() => resolve())).end()
        })
      })
      expect(connect).toHaveBeenCalledTimes(1)
      const offline = modelsAt({ cache: { mode: 'offline', directory } }, { env: {} })
      const replies = await run(offline)
      expect(replies.map((r) => [r.text, r.finish, r.usage])).toEqual(
        online.map((r) => [r.text, r.finish, r.usage]),
      )
      expect(replies.every((r) => r.cached)).toBe(true)
      const error = await failure(offline.model(specs[0] as string).generate(ask('three')), 'LLM_OFFLINE')
      expect(error.message).toContain(directory)
      expect(connect).toHaveBeenCalledTimes(1)
    } finally {
      connect.mockRestore()
    }
    expect(server.seen.length).toBe(9)
    expect(statSync(directory).isDirectory()).toBe(true)
  } finally {
    await server.close()
  }
})
