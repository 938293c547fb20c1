/** What every provider may rely on in a request; the first thing wrong is named in one sentence. */
import { LanguageModelError } from './errors.ts'
import type { ModelRequest } from './model.ts'

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** OpenAI's and Gemini's limit. */
const MOST_ALTERNATIVES = 20

/** @throws LanguageModelError LLM_BAD_REQUEST */
export function checkRequest(request: ModelRequest): void {
  const { messages, maxTokens, temperature, thinking, topLogprobs, seed, schema } = request
  if (messages.length === 0) bad('messages', 'at least one message', 'none')
  messages.forEach(({ role, content }, i) => {
    const expected = i % 2 === 0 ? 'user' : 'assistant'
    if (role !== expected) bad(`messages[${i}].role`, `${expected}, turn about from the user on`, role)
    if (typeof content === 'string') return
    content.forEach((part, j) => {
      if (part.type !== 'image') return
      const at = `messages[${i}].content[${j}]`
      if (role === 'assistant') bad(at, 'text, since models are sent images by users only', 'an image')
      if (!PNG.every((byte, k) => part.png[k] === byte)) bad(`${at}.png`, 'the bytes of a PNG', 'others')
    })
  })
  if (messages.length % 2 === 0) bad('messages', 'the last message from the user', 'one from the assistant')
  integer('maxTokens', maxTokens, 1, Number.MAX_SAFE_INTEGER)
  integer('topLogprobs', topLogprobs, 0, MOST_ALTERNATIVES)
  integer('seed', seed, 0, 2 ** 31 - 1)
  if (thinking !== 'auto') integer('thinking', thinking, 0, Number.MAX_SAFE_INTEGER)
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2)) {
    bad('temperature', 'a number from 0 to 2', String(temperature))
  }
  if (schema && !/^[\w-]{1,64}$/.test(schema.name)) {
    bad('schema.name', '1 to 64 letters, digits, "-" or "_"', JSON.stringify(schema.name))
  }
}

function integer(field: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return
  bad(field, `a whole number from ${least} to ${most}`, String(value))
}

function bad(field: string, expected: string, got: string): never {
  throw new LanguageModelError(
    'LLM_BAD_REQUEST',
    `${field}: expected ${expected}, got ${got}; correct the request`,
  )
}
