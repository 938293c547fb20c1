// What stops set-up: one code, one sentence that names the thing, one command that mends it. Prints nothing.

/** Exit status for "this machine is not ready", the same in every mira command. */
export const EXIT_ENVIRONMENT = 3

export class SetupError extends Error {
  /**
   * @param {string} code E_NODE, E_PLATFORM, E_DEPENDENCIES, E_TOOLCHAIN, E_PYTHON, E_DISK, E_WRITE, E_BUSY,
   *   E_LIBTORCH_MISSING, E_LIBTORCH_OLD, E_LIBTORCH_MIXED, E_CUDA_LIBS, E_CUDA_NVCC and
   *   others of native/cmake/cuda.cmake, E_BUILD, E_STALE or E_LOAD
   * @param {string} sentence what is wrong, without a full stop
   * @param {string} [remedy] what to type
   * @param {{ cause?: unknown, details?: string }} [more] details go below the sentence (the end of a log)
   */
  constructor(code, sentence, remedy, more = {}) {
    super(
      remedy ? `${sentence}; ${remedy}` : sentence,
      more.cause === undefined ? undefined : { cause: more.cause },
    )
    this.name = 'SetupError'
    this.code = code
    this.details = more.details
  }
}

/** The text a person sees for any error: code and sentence first, evidence below. */
export function failureText(error) {
  if (!(error instanceof SetupError)) return `E_SETUP: ${error?.stack ?? error}`
  const details = error.details ? `${error.details.trimEnd()}\n\n` : ''
  return `${details}${error.code}: ${error.message}`
}
