/** What can go wrong when a language model is asked, with a code to branch on; never holds a key (redact.ts). */

export type LanguageModelErrorCode =
  /** The key is missing, malformed or not accepted. */
  | 'LLM_AUTH'
  /** The provider asked for fewer requests until no attempt was left. */
  | 'LLM_RATE_LIMIT'
  /** The server failed, or no connection to it held. */
  | 'LLM_SERVER'
  /** A wait passed its deadline; the message names what was waited for. */
  | 'LLM_TIMEOUT'
  /** The provider withheld a reply where a value was needed. */
  | 'LLM_REFUSED'
  /** The reply is not what the protocol, or the asked-for schema, says. */
  | 'LLM_MALFORMED'
  /** The call could have passed the run's spending cap. */
  | 'LLM_BUDGET'
  /** The request or a setting cannot be served as it is. */
  | 'LLM_BAD_REQUEST'
  /** Not in the response cache, and only the cache may be asked. */
  | 'LLM_OFFLINE'

export interface LanguageModelErrorOptions extends ErrorOptions {
  /** HTTP status, where one came. */
  status?: number
  /** The same request may succeed later. Default false. */
  retryable?: boolean
  /** What the server asked to wait. */
  retryAfterSeconds?: number
}

export class LanguageModelError extends Error {
  override readonly name = 'LanguageModelError'
  readonly code: LanguageModelErrorCode
  readonly status: number | undefined
  readonly retryable: boolean
  readonly retryAfterSeconds: number | undefined

  constructor(code: LanguageModelErrorCode, message: string, options: LanguageModelErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status
    this.retryable = options.retryable ?? false
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
