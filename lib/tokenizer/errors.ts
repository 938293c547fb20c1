/** What can be wrong with a tokenizer, with a code to branch on. */
export type TokenizerErrorCode = 'TOKENIZER_MISSING' | 'TOKENIZER_FORMAT' | 'TOKENIZER_TURNS'

export class TokenizerError extends Error {
  override readonly name = 'TokenizerError'
  readonly code: TokenizerErrorCode
  constructor(code: TokenizerErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
