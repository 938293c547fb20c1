/** What can be wrong with a tokenizer, with a code to branch on. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError'
  constructor(
    readonly code: 'TOKENIZER_MISSING' | 'TOKENIZER_FORMAT' | 'TOKENIZER_TURNS',
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause })
  }
}
