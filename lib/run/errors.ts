/** What can be wrong with a run directory, with a code to branch on. */
export type RunErrorCode =
  /** The directory cannot be made or written. */
  | 'ERR_RUN_UNWRITABLE'
  /** It holds something already. */
  | 'ERR_RUN_NOT_EMPTY'
  /** It is no run directory, or nothing in it can be continued. */
  | 'ERR_RUN_MISSING'
  /** A file of it does not say what it should. */
  | 'ERR_RUN_FORMAT'

export class RunError extends Error {
  override readonly name = 'RunError'
  readonly code: RunErrorCode
  constructor(code: RunErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The system's own code of a failed file operation ("EACCES"), for the end of a sentence. */
export function systemCode(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? String(error)
}
