/**
 * One streamed AI SDK call: text is passed on as it comes, without secrets and without halves of characters, and the
 * connection is closed however it ends. Asks once; a stream that breaks off is an error, whatever it gave before.
 */
import { APICallError, InvalidResponseDataError, JSONParseError, TypeValidationError } from 'ai'
import { LanguageModelError } from '../errors.ts'
import { type Redact, redactedCause } from '../redact.ts'
import type { ApiOptions, Heard, SdkCall, SdkModel } from './api.ts'
import { apiError } from './api-error.ts'

/** The caller's onText threw its cause. */
export class ListenerError extends Error {}

const HEAD = 200

/** @throws ListenerError, LanguageModelError, or whatever doStream rejects with */
export async function streamCall(
  sdk: SdkModel,
  call: SdkCall,
  onText: (piece: string) => void,
  name: string,
  { baseURL, redact }: Pick<ApiOptions, 'baseURL' | 'redact'>,
): Promise<Heard> {
  const { abortSignal: caller } = call
  const connection = new AbortController()
  const leave = () => connection.abort(caller?.reason)
  if (caller?.aborted) leave()
  else caller?.addEventListener('abort', leave, { once: true })
  const text = new TextPieces(onText, redact)
  const bodies: unknown[] = []
  let warnings: Heard['warnings'] = []
  try {
    const asked = { ...call, includeRawChunks: true, abortSignal: connection.signal }
    const { stream } = await Promise.resolve(sdk.doStream(asked)).catch((error: unknown) => {
      throw unreadable(error, name, redact) ?? error
    })
    for await (const part of stream) {
      // What the SDK still holds is not for a caller that has left.
      caller?.throwIfAborted()
      if (part.type === 'raw') bodies.push(part.rawValue)
      else if (part.type === 'stream-start') warnings = part.warnings
      else if (part.type === 'text-delta') text.add(part.delta)
      else if (part.type === 'error') throw eventError(part.error, bodies, name, baseURL, redact)
      else if (part.type === 'finish') {
        const { finishReason, usage } = part
        // Gemini's SDK ends a stream that was cut between two events as if it were whole.
        if (finishReason.raw === undefined && finishReason.unified !== 'error') break
        text.end()
        return { text: text.given, finishReason, usage, warnings, bodies }
      }
    }
    throw cutShort(bodies, name)
  } finally {
    caller?.removeEventListener('abort', leave)
    connection.abort()
  }
}

/** Text on its way to the caller; what may turn out to be part of a secret or of a character waits for what follows. */
class TextPieces {
  /** All that was passed on. */
  given = ''
  #held = ''
  readonly #onText: (piece: string) => void
  readonly #redact: Redact

  constructor(onText: (piece: string) => void, redact: Redact) {
    this.#onText = onText
    this.#redact = redact
  }

  add(piece: string): void {
    this.#held += piece
    let cut = this.#redact.settled(this.#held)
    // Servers that cut JSON strings anywhere send the two halves of a surrogate pair apart.
    if (/[\ud800-\udbff]/.test(this.#held.charAt(cut - 1))) cut--
    this.#give(cut)
  }

  end(): void {
    this.#give(this.#held.length)
  }

  #give(characters: number): void {
    const piece = this.#redact(this.#held.slice(0, characters))
    this.#held = this.#held.slice(characters)
    if (piece === '') return
    this.given += piece
    try {
      this.#onText(piece)
    } catch (cause) {
      throw new ListenerError('onText threw', { cause })
    }
  }
}

function cutShort(bodies: readonly unknown[], name: string): LanguageModelError {
  return bodies.length === 0
    ? new LanguageModelError(
        'LLM_MALFORMED',
        `${name}: expected a stream of events, got none; check the address, or ask without streaming`,
        { status: 200, retryable: true },
      )
    : new LanguageModelError(
        'LLM_SERVER',
        `${name}: expected a whole reply, its stream ended after ${bodies.length} events; ask again`,
        { status: 200, retryable: true },
      )
}

/** What an error event, or an event that could not be read, means. `bodies` ends with the event itself. */
function eventError(
  error: unknown,
  bodies: readonly unknown[],
  name: string,
  baseURL: string,
  redact: Redact,
): LanguageModelError {
  if (InvalidResponseDataError.isInstance(error) && error.data === undefined) return cutShort(bodies, name)
  const misread = unreadable(error, name, redact)
  if (misread) return misread
  const failure = apiError(asCallError(error, baseURL), name, redact)
  if (bodies.length <= 1) return failure
  // The reply had begun, so what came of it may be billed: status 200 says so to the budget.
  const { retryable, retryAfterSeconds, message, cause } = failure
  return new LanguageModelError('LLM_SERVER', message, {
    status: 200,
    retryable,
    cause,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}

function unreadable(error: unknown, name: string, redact: Redact): LanguageModelError | undefined {
  let got: string
  if (JSONParseError.isInstance(error)) got = error.text
  else if (TypeValidationError.isInstance(error)) got = JSON.stringify(error.value) ?? ''
  // Anthropic's SDK tells of an unreadable first event as of an HTTP error, with the real one in its body.
  else if (APICallError.isInstance(error) && MISREAD.test(error.responseBody ?? '')) got = error.message
  else return undefined
  const cause = redactedCause(error, redact)
  return new LanguageModelError(
    'LLM_MALFORMED',
    `${name}: expected events of the protocol, got ${JSON.stringify(redact(got).slice(0, HEAD))}; check the address`,
    { status: 200, retryable: true, ...(cause && { cause }) },
  )
}

const MISREAD = /"name":"AI_(JSONParse|TypeValidation)Error"/
const STATUS: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  permission_error: 403,
  insufficient_quota: 429,
  rate_limit_error: 429,
  overloaded_error: 529,
}

/** OpenAI's and Anthropic's error events, as the HTTP error that would have come before the stream. */
function asCallError(error: unknown, url: string): unknown {
  if (error instanceof Error || typeof error !== 'object' || error === null) return error
  const { message, type, code } = error as { message?: unknown; type?: unknown; code?: unknown }
  const told = Number(code)
  const statusCode = told >= 400 && told < 600 ? told : (STATUS[String(type)] ?? STATUS[String(code)] ?? 500)
  const responseBody = JSON.stringify({ error })
  return new APICallError({
    message: typeof message === 'string' ? message : responseBody,
    url,
    requestBodyValues: {},
    statusCode,
    responseBody,
  })
}
