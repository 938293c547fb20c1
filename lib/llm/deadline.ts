/**
 * A time limit tied to a caller's signal: one signal for the work, and whether it was the limit, or a silence of work
 * that reports its progress, that fired.
 */

export interface Limit {
  /** Fires at the limit or with the caller's signal. */
  readonly signal: AbortSignal
  /** The limit fired first. */
  readonly expired: boolean
  /** No beat came in time, before anything else fired. */
  readonly silent: boolean
  /** Progress: the next beat, or the end, has to come within this many seconds. */
  beat(seconds: number): void
  /** Settles as the work does, or rejects when the signal fires, whether or not the work heeds it. */
  race<T>(work: Promise<T>): Promise<T>
  /** Stops the clock and lets go of the caller's signal. */
  end(): void
}

export function timeLimit(seconds: number, caller?: AbortSignal): Limit {
  const controller = new AbortController()
  let expired = false
  let silent = false
  let ended = false
  let pulse: NodeJS.Timeout | undefined
  const timer = setTimeout(() => {
    expired = !controller.signal.aborted
    controller.abort(new DOMException(`no end within ${seconds} s`, 'TimeoutError'))
  }, milliseconds(seconds))
  const stop = () => controller.abort(caller?.reason)
  // AbortSignal.any would stay attached to a signal that lives as long as a run.
  if (caller?.aborted) stop()
  else caller?.addEventListener('abort', stop, { once: true })
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    get silent() {
      return silent
    },
    beat(within) {
      clearTimeout(pulse)
      if (ended || controller.signal.aborted) return
      pulse = setTimeout(() => {
        silent = !controller.signal.aborted
        controller.abort(new DOMException(`no progress within ${within} s`, 'TimeoutError'))
      }, milliseconds(within))
    },
    race: (work) => settleOrAbort(work, controller.signal),
    end() {
      ended = true
      clearTimeout(timer)
      clearTimeout(pulse)
      caller?.removeEventListener('abort', stop)
    },
  }
}

/** Of a timer; longer delays overflow to 1 ms. */
function milliseconds(seconds: number): number {
  return Math.min(Math.max(0, seconds) * 1000, 2 ** 31 - 1)
}

/** Resolves after the time, or rejects with the signal's reason. */
export async function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000)
  })
  try {
    await (signal ? settleOrAbort(slept, signal) : slept)
  } finally {
    clearTimeout(timer)
  }
}

/** Settles as `work` does, unless the signal fires first. */
export function settleOrAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
