/** What the process says to a shell or a sweep, and which error means which. Fixed: scripts rely on it. */
import { ConfigError } from '../config/errors.ts'

export const EXIT = {
  ok: 0,
  failed: 1,
  /** Wrong command line or configuration. */
  usage: 2,
  /** The machine lacks something: the addon, LibTorch, a browser, a writable folder. */
  environment: 3,
  /** Stopped on request; --resume goes on. */
  interrupted: 4,
  /** The device is lost to this process; a new process can go on with --resume. */
  device: 5,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** A command line that asks for something impossible. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'ERR_USAGE'
}

const ENVIRONMENT = new Set([
  'ERR_ADDON_MISSING',
  'ERR_ADDON_BROKEN',
  'ERR_ADDON_STALE',
  'ERR_RUN_UNWRITABLE',
  'ERR_CUDA_UNAVAILABLE',
  'ENOSPC',
  'BROWSER_MISSING',
])
const USAGE = new Set([
  'ERR_USAGE',
  'ERR_CONFIG',
  'ERR_RUN_NOT_EMPTY',
  'ERR_RUN_MISSING',
  'SUITE',
  'SUITE_INPUT',
  'LLM_BAD_REQUEST',
  'PROMPT',
])

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ConfigError || error instanceof UsageError) return EXIT.usage
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ERR_CUDA_FATAL') return EXIT.device
  if (ENVIRONMENT.has(code)) return EXIT.environment
  if (USAGE.has(code)) return EXIT.usage
  return EXIT.failed
}

/** One sentence for a person; with `debug` the stack and every cause. */
export function describeError(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return String(error)
  if (!debug) return error.message || error.name
  const parts = [error.stack ?? error.message]
  for (
    let cause = error.cause;
    cause !== undefined;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    parts.push(`caused by: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`)
  }
  return parts.join('\n')
}
