/** Failures of an AI SDK call as LanguageModelErrors: which code, worth a retry or not, when, and nothing secret. */
import { APICallError, InvalidResponseDataError, LoadAPIKeyError, UnsupportedFunctionalityError } from 'ai'
import { LanguageModelError, type LanguageModelErrorCode, type LanguageModelErrorOptions } from '../errors.ts'
import { type Redact, redactedCause } from '../redact.ts'
import { retryAfterSeconds } from '../retry-after.ts'

const HEAD = 200

/** `error` is whatever doGenerate rejected with, the caller's own abort apart. */
export function apiError(error: unknown, name: string, redact: Redact): LanguageModelError {
  const make = (code: LanguageModelErrorCode, message: string, options: LanguageModelErrorOptions = {}) => {
    const cause = redactedCause(error, redact)
    return new LanguageModelError(code, redact(`${name}: ${message}`), {
      ...options,
      ...(cause && { cause }),
    })
  }
  if (APICallError.isInstance(error)) {
    const { statusCode: status, message, responseBody } = error
    // No status: refused, unknown host, reset before an answer.
    if (status === undefined) {
      return make(
        'LLM_SERVER',
        `expected a connection to ${host(error.url)}, got: ${message}; check the address`,
        {
          retryable: true,
        },
      )
    }
    if (status < 300) {
      return /^Invalid JSON/.test(message)
        ? make(
            'LLM_MALFORMED',
            `expected a reply of the protocol, got ${head(redact(responseBody ?? ''))}; check the address`,
            {
              status,
              retryable: true,
            },
          )
        : make('LLM_SERVER', 'expected a whole reply, the connection broke while it was read; ask again', {
            status,
            retryable: true,
          })
    }
    return httpError(error, status, redact, make)
  }
  if (InvalidResponseDataError.isInstance(error)) {
    return make('LLM_MALFORMED', `expected a reply of the protocol: ${error.message}`, {
      status: 200,
      retryable: true,
    })
  }
  if (LoadAPIKeyError.isInstance(error)) return make('LLM_AUTH', error.message)
  if (UnsupportedFunctionalityError.isInstance(error)) return make('LLM_BAD_REQUEST', error.message)
  return make(
    'LLM_BAD_REQUEST',
    `the request could not be sent: ${(error as Error)?.message ?? String(error)}`,
  )
}

type Make = (
  code: LanguageModelErrorCode,
  message: string,
  options?: LanguageModelErrorOptions,
) => LanguageModelError

function httpError(error: APICallError, status: number, redact: Redact, make: Make): LanguageModelError {
  const body = json(error.responseBody)
  const said = `HTTP ${status}: ${redact(error.message || head(redact(error.responseBody ?? ''))).slice(0, 4 * HEAD)}`
  const wait = retryAfterSeconds(error.responseHeaders, body)
  const later = { status, retryable: true, ...(wait === undefined ? {} : { retryAfterSeconds: wait }) }
  if (status === 401 || status === 403 || reasons(body).some((reason) => KEY_REASONS.has(reason))) {
    return make(
      'LLM_AUTH',
      `expected an accepted key, got ${said}; check the key and llm.providers.*.keyEnv`,
      { status },
    )
  }
  if (status === 429) {
    // An empty account does not fill while we wait.
    const retryable = !reasons(body).includes('insufficient_quota')
    return make('LLM_RATE_LIMIT', `${said}; lower llm.concurrency`, { ...later, retryable })
  }
  if (status === 408 || status >= 500) return make('LLM_SERVER', said, later)
  if (status < 400) {
    return make(
      'LLM_BAD_REQUEST',
      `HTTP ${status}: the server points elsewhere; set the address it redirects to`,
      { status },
    )
  }
  return make('LLM_BAD_REQUEST', said, { status })
}

const KEY_REASONS = new Set([
  'API_KEY_INVALID',
  'invalid_api_key',
  'authentication_error',
  'permission_error',
])
const FILTER_REASONS = new Set(['content_filter', 'content_policy_violation', 'ResponsibleAIPolicyViolation'])

/** A policy refusal told by status 400 (OpenAI, Azure): the model's answer, in a way, not a fault of the request. */
export function refusedByError(error: unknown): boolean {
  return (
    APICallError.isInstance(error) &&
    error.statusCode === 400 &&
    reasons(json(error.responseBody)).some((reason) => FILTER_REASONS.has(reason))
  )
}

/** Machine-readable reasons in the three providers' error bodies. */
function reasons(body: unknown): string[] {
  const error = (body as { error?: { code?: unknown; type?: unknown; status?: unknown; details?: unknown } })
    ?.error
  const details = Array.isArray(error?.details) ? error.details : []
  const found = [error?.code, error?.type, error?.status, ...details.map((detail) => detail?.reason)]
  return found.filter((reason) => typeof reason === 'string')
}

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function host(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the server'
}

/** Of a redacted body: a secret that is cut is not found any more. */
function head(body: string): string {
  return body ? JSON.stringify(body.slice(0, HEAD)) : 'an empty body'
}
