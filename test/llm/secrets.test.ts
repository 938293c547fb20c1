// A planted key is in no error, note, ledger or file, whatever a server echoes.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { redactedCause, redactor, secretsOf } from '../../lib/llm/redact.ts'
import { askFor } from '../../lib/llm/structured.ts'
import { APIS, ask, KEYS, modelsAt, specOf, temporary } from './kit.ts'
import { type Answer, say, status, TestServer } from './server.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server.close())

/** The keys, and pieces of them long enough to matter. */
const spellings = Object.values(KEYS).flatMap((key) => [
  key,
  encodeURIComponent(key),
  Buffer.from(key).toString('base64').replace(/=+$/, ''),
])

function expectClean(what: string, value: unknown): void {
  const texts = [
    String(value),
    inspect(value, { depth: 10 }),
    JSON.stringify(value, (_, v) =>
      v instanceof Error ? { ...v, message: v.message, stack: v.stack, cause: v.cause } : v,
    ) ?? '',
  ]
  for (const text of texts) for (const secret of spellings) expect(text.includes(secret), what).toBe(false)
}

test('every ending of a call, with a server that echoes the key everywhere', async () => {
  const directory = temporary()
  const notes: string[] = []
  const all = Object.values(KEYS).join(' ')
  const echo = {
    error: { message: `bad key ${all}`, code: 400, status: all, type: all, details: [{ reason: all }] },
    type: 'error',
  }
  const answers: Answer[] = [
    say(`your key is ${all}, or ${spellings.join(' ')}`),
    say(`{"key": "${all}"}`, { logprobs: [{ token: all, logprob: -1, top: [{ token: all, logprob: -1 }] }] }),
    {
      kind: 'raw',
      body: JSON.stringify({ candidates: [{ content: {}, finishReason: `MALFORMED_FUNCTION_CALL` }] }),
    },
    ...[400, 401, 404, 429, 500].map((code) =>
      status(code, { 'retry-after': '1', 'x-echo': all, 'set-cookie': all }, echo),
    ),
    { kind: 'raw', body: `{"broken ${all}` },
    { kind: 'raw', body: `{"choices": "${all}", "candidates": "${all}", "content": "${all}"}` },
    { kind: 'truncated' },
    { kind: 'reset' },
    { kind: 'slow' },
    status(302, { location: `http://127.0.0.1:1/?key=${encodeURIComponent(KEYS.GEMINI_API_KEY)}` }),
  ]
  const settings = {
    cache: { mode: 'read-write' as const, directory },
    concurrency: 40,
  }
  const patient = modelsAt({ ...settings, retry: { attempts: 2 } }, { onNote: (note) => notes.push(note) })
  const hasty = modelsAt({ ...settings, retry: { attempts: 1, attemptSeconds: 0.2 } })
  let errors = 0
  for (const api of APIS) {
    for (const [i, answer] of answers.entries()) {
      server.otherwise = () => answer
      const models = answer.kind === 'slow' ? hasty : patient
      const model = models.model(specOf(api, server))
      const request = ask(`${api} ${i}`, api !== 'anthropic' && i === 1 ? { topLogprobs: 1 } : {})
      const outcomes = await Promise.allSettled([
        model.generate(request),
        askFor(model, request, z.strictObject({ value: z.number() }), { name: 'number' }),
      ])
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') errors++
        expectClean(
          `${api} ${JSON.stringify(answer)}`,
          outcome.status === 'rejected' ? outcome.reason : outcome.value,
        )
      }
    }
  }
  expect(errors).toBeGreaterThan(50)
  expectClean('notes', notes)
  expectClean('ledger', patient.usage())
  expectClean('models', patient)
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  expect(files.length).toBeGreaterThan(5)
  for (const file of files) expectClean(file.name, readFileSync(join(file.parentPath, file.name), 'utf8'))
  expect(files.every((file) => file.name.endsWith('.json'))).toBe(true)
  rmSync(directory, { recursive: true })
})

test('a prompt that quotes a key is not written down with it', async () => {
  const directory = temporary()
  server.otherwise = () => say('ok')
  await modelsAt({ cache: { mode: 'read-write', directory } })
    .model(specOf('openai', server))
    .generate(ask(KEYS.GEMINI_API_KEY))
  for (const name of readdirSync(directory, { recursive: true }) as string[]) {
    if (name.endsWith('.json')) expectClean(name, readFileSync(join(directory, name), 'utf8'))
  }
})

test('which values of the environment are secrets', () => {
  const env = {
    MY_KEY: 'named-key-1',
    OPENAI_API_KEY: 'EMPTY',
    HF_TOKEN: 'hf_0123456789abcdef',
    SHORT_TOKEN: 'abc',
    HOME: '/a/directory/that/is/long',
  }
  expect(secretsOf(env, ['MY_KEY', 'OPENAI_API_KEY'])).toEqual(['named-key-1', 'hf_0123456789abcdef'])
})

test('causes keep names, codes and messages, and lose what they carried', () => {
  const redact = redactor(['sekret-0123', 'sekret-0123-longer'])
  const inner = Object.assign(new Error('connect sekret-0123'), {
    code: 'ECONNRESET',
    headers: 'sekret-0123',
  })
  const outer = Object.assign(new TypeError('sent sekret-0123-longer!', { cause: inner }), {
    body: 'sekret-0123',
  })
  const clean = redactedCause(outer, redact)
  expect(clean).toMatchObject({
    name: 'TypeError',
    message: 'sent [key]!',
    cause: { message: 'connect [key]', code: 'ECONNRESET' },
  })
  expect(inspect(clean, { depth: 9 })).not.toContain('sekret')
  const loop = new Error('a') as Error & { cause: unknown }
  loop.cause = loop
  expect(redactedCause(loop, redact)?.message).toBe('a')
})
