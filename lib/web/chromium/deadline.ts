/**
 * Waits that cannot last: every one names what it waits for, ends after its milliseconds with DeadlineError and ends
 * with the episode's signal. The work itself is not stopped; whoever waits in vain has to.
 */
import { DeadlineError } from '../errors.ts'

/**
 * Settles with `work`, rejects with DeadlineError "WHAT did not end within MS ms" after `ms`, or with the signal's
 * reason. A rejection of `work` that comes later is swallowed.
 */
export async function within<T>(
  what: string,
  work: Promise<T>,
  ms: number,
  signal?: AbortSignal,
): Promise<T> {
  work.catch(() => {})
  signal?.throwIfAborted()
  let timer: NodeJS.Timeout | undefined
  let abort: (() => void) | undefined
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlineError(`${what} did not end within ${Math.round(ms)} ms`)),
      Math.max(0, ms),
    )
    abort = () => reject(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, end])
  } finally {
    clearTimeout(timer)
    if (abort) signal?.removeEventListener('abort', abort)
  }
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** A budget of milliseconds that several waits share. */
export class Deadline {
  readonly ms: number
  readonly #what: string
  readonly #end: number

  constructor(what: string, ms: number) {
    this.#what = what
    this.ms = ms
    this.#end = performance.now() + ms
  }

  /** Milliseconds left, 0 when there are none. */
  left(): number {
    return Math.max(0, this.#end - performance.now())
  }

  /** Milliseconds left; throws DeadlineError when there are none. */
  remaining(): number {
    const left = this.left()
    if (left === 0) throw new DeadlineError(`${this.#what} did not end within ${this.ms} ms`)
    return left
  }
}
