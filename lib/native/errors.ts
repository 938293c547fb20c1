/**
 * The errors of the native layer: one class for what this folder throws, one guard for what the addon throws.
 * Native errors are plain Error, TypeError and RangeError objects with `code` and `verb`; their stack is that
 * of the JavaScript call.
 */

export type MiraErrorCode =
  | 'ERR_ADDON_MISSING'
  | 'ERR_ADDON_BROKEN'
  | 'ERR_ADDON_STALE'
  | 'ERR_DISPOSED'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_QUEUE_FULL'

export class MiraNativeError extends Error {
  readonly code: MiraErrorCode

  constructor(code: MiraErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MiraNativeError'
    this.code = code
  }
}

/** What the addon attaches to the errors of its verbs. */
export interface NativeError extends Error {
  /** ERR_ABORTED, ERR_INVALID_ARGUMENT, ERR_OUT_OF_RANGE, ERR_TORCH, ..., or an errno name such as ENOENT. */
  code: string
  /** The verb that failed, e.g. "policyStep". */
  verb: string
}

/** True for an error that a native verb rejected with; `code` narrows it to one kind. */
export function isNativeError(error: unknown, code?: string): error is NativeError {
  if (!(error instanceof Error) || !('verb' in error) || !('code' in error)) return false
  return typeof error.verb === 'string' && (code === undefined || error.code === code)
}

const DEVICE_ERRORS = new Set(['ERR_CUDA_FATAL', 'ERR_CUDA_OOM', 'ERR_OUT_OF_MEMORY'])

/** True when the device failed, not the request: asking again, or asking for something else, does not help. */
export function isDeviceError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && DEVICE_ERRORS.has(String(error.code))
}

/** True for the rejection of a verb, or of anything else in Node, whose AbortSignal fired. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
