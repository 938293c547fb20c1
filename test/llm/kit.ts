// What the language model tests share: models on the test server, a clock that does not wait, PNG bytes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { LanguageModelError, type LanguageModelErrorCode } from '../../lib/llm/errors.ts'
import type { ModelReply, ModelRequest } from '../../lib/llm/model.ts'
import { LanguageModels, type Surroundings } from '../../lib/llm/models.ts'
import type { Clock } from '../../lib/llm/retry.ts'
import type { LanguageModelSettingsInput } from '../../lib/llm/settings.ts'
import type { Api, TestServer } from './server.ts'

export const APIS: readonly Api[] = ['gemini', 'openai', 'anthropic']

export const KEYS = {
  GEMINI_API_KEY: 'AIzaPlanted-gemini-0123456789',
  OPENAI_API_KEY: 'sk-planted-openai-0123456789',
  ANTHROPIC_API_KEY: 'sk-ant-planted-0123456789',
}

export const PNG = Uint8Array.from(
  Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  ),
)

/** Time passes only by sleeping; every pause is written down. */
export class TestClock implements Clock {
  seconds = 0
  readonly pauses: number[] = []
  now(): number {
    return this.seconds
  }
  async sleep(seconds: number): Promise<void> {
    this.pauses.push(seconds)
    this.seconds += seconds
  }
  random(): number {
    return 0.5
  }
}

export function specOf(api: Api, server: Pick<TestServer, 'origin'>): string {
  return `${api}:test-model@${server.origin}${api === 'gemini' ? '/v1beta' : '/v1'}`
}

export function modelsAt(
  settings: LanguageModelSettingsInput = {},
  around: Surroundings = {},
): LanguageModels {
  const { cache = { mode: 'off' as const }, providers, ...rest } = settings
  const openai = { keyEnv: 'OPENAI_API_KEY', ...providers?.openai }
  return new LanguageModels(
    { ...rest, cache, providers: { ...providers, openai } },
    { env: { ...KEYS }, clock: new TestClock(), ...around },
  )
}

export const ask = (text: string, more: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [{ role: 'user', content: text }],
  ...more,
})

export function reply(text: string, more: Partial<ModelReply> = {}): ModelReply {
  const usage = { inputTokens: 10, outputTokens: 5, thinkingTokens: 0 }
  return { text, finish: 'stop', usage, cached: false, seconds: 0.1, ...more }
}

export async function failure(
  promise: Promise<unknown>,
  code: LanguageModelErrorCode,
): Promise<LanguageModelError> {
  const error = await promise.then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toBeInstanceOf(LanguageModelError)
  expect((error as LanguageModelError).code, String(error)).toBe(code)
  return error as LanguageModelError
}

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder that goes with the test file. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mira-llm-'))
  folders.push(folder)
  return folder
}
