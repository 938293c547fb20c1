/**
 * One spelling per request: equal requests give equal text, whatever the order of their fields, and one SHA-256 names
 * them. Images enter by their hash. What only steers the call (signal, onText) is left out.
 */
import { createHash } from 'node:crypto'
import { LanguageModelError } from './errors.ts'
import type { ChatMessage, LanguageModel, ModelRequest } from './model.ts'

/** Raised when the meaning of an entry changes, so that old caches miss instead of lying. */
export const CACHE_FORMAT = 1

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** The request as plain JSON, with everything that decides the reply and nothing else. */
export function canonicalRequest(
  model: Pick<LanguageModel, 'name' | 'variant'>,
  request: ModelRequest,
): Json {
  const { signal: _signal, onText: _onText, messages, ...rest } = request
  return plain(
    {
      format: CACHE_FORMAT,
      model: model.name,
      variant: model.variant,
      ...rest,
      messages: messages.map(canonicalMessage),
    },
    'request',
  )
}

/** Lower-case hex SHA-256 of the canonical request. */
export function cacheKey(model: Pick<LanguageModel, 'name' | 'variant'>, request: ModelRequest): string {
  return sha256(JSON.stringify(canonicalRequest(model, request)))
}

/** A plain text and a single text part are one message, since every provider is sent the same for both. */
function canonicalMessage({ role, content }: ChatMessage): object {
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
  return {
    role,
    content: parts.map((part) =>
      part.type === 'text'
        ? { type: 'text', text: part.text }
        : { type: 'image', png: `sha256:${sha256(part.png)}` },
    ),
  }
}

/** Sorted fields, undefined ones left out. @throws LanguageModelError for what JSON cannot hold */
function plain(value: unknown, path: string): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return value.map((item, i) => plain(item, `${path}[${i}]`))
  if (typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(fields.map(([name, field]) => [name, plain(field, `${path}.${name}`)]))
  }
  throw new LanguageModelError(
    'LLM_BAD_REQUEST',
    `${path}: expected a finite number, text, boolean, list or object, got ${typeof value} ${String(value)}`,
  )
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
