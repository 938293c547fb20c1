/** What can be wrong with WebRL's data or with what reads it, with a code to branch on. */
export type WebRLErrorCode =
  /** A file or folder is not there or cannot be read. */
  | 'ERR_WEBRL_MISSING'
  /** It does not hold what it should; the message names file and line. */
  | 'ERR_WEBRL_FORMAT'
  /** It is a Python pickle, which is never opened. */
  | 'ERR_WEBRL_PICKLE'
  /** The outcome model said neither YES nor NO. */
  | 'ERR_WEBRL_VERDICT'

export class WebRLError extends Error {
  override readonly name = 'WebRLError'
  readonly code: WebRLErrorCode
  constructor(code: WebRLErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
