/** Waiting with a deadline that names what is waited for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DeadlineError } from '../web/errors.ts'

/**
 * Runs `work` with a signal that fires at the deadline or with the caller's; rejects with DeadlineError "WHAT did not
 * end within ... ms", or with the caller's reason.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted()
  const stop = new AbortController()
  const late = new DeadlineError(`${what} did not end within ${ms} ms`)
  const timer = setTimeout(() => stop.abort(late), ms)
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const aborted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true })
  })
  try {
    return await Promise.race([work(stop.signal), aborted])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Pauses between looks; false once the deadline (milliseconds of performance.now) leaves no time for another. */
export async function pauseBefore(
  deadline: number,
  intervalMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  if (performance.now() + intervalMs >= deadline) return false
  await sleep(intervalMs, undefined, signal ? { signal } : {}).catch((error: unknown) => {
    throw signal?.aborted ? signal.reason : error
  })
  return true
}
