/**
 * Failures of the environment, which are never failures of the policy: the episode is played once more and then
 * reported apart.
 */

/** What a browser left behind when it failed. */
export interface CrashEvidence {
  /** Address of the page at the time. */
  url?: string
  /** Last lines of the page's console. */
  console?: string[]
  /** Last lines the browser process wrote to standard error. */
  stderr?: string[]
  /** PNG of the viewport, where one could still be taken. */
  screenshot?: Uint8Array
}

export class EnvironmentError extends Error {
  readonly code: string = 'ENVIRONMENT'
  override name = 'EnvironmentError'
  readonly evidence: CrashEvidence | undefined

  constructor(message: string, options: ErrorOptions & { evidence?: CrashEvidence } = {}) {
    super(message, options)
    this.evidence = options.evidence
  }
}

/** A wait that ended without what it waited for; the message names it and the time given. */
export class DeadlineError extends EnvironmentError {
  override readonly code = 'DEADLINE'
  override name = 'DeadlineError'
}
