/**
 * AbortSignal to CancelToken: a verb runs with a token that fires when the signal does.
 * The listener is gone when the verb has settled; the signal's reason becomes the AbortError's cause.
 */
import { isAbortError } from './errors.ts'
import type { NativeAddon, NativeCancelToken } from './types.ts'

/**
 * Runs `verb` under `signal`. Without a signal the verb gets no token.
 * @throws AbortError (code ERR_ABORTED) when the signal fired before or during the verb
 */
export async function withCancel<T>(
  addon: Pick<NativeAddon, 'CancelToken'>,
  signal: AbortSignal | undefined,
  verb: (cancel?: NativeCancelToken) => Promise<T>,
): Promise<T> {
  if (signal === undefined) return verb()
  const token = new addon.CancelToken()
  const cancel = () => token.cancel()
  // An aborted signal fires no event; the engine itself rejects a verb whose token is set.
  if (signal.aborted) cancel()
  else signal.addEventListener('abort', cancel, { once: true })
  try {
    return await verb(token)
  } catch (error) {
    if (signal.aborted && isAbortError(error) && error instanceof Error && error.cause === undefined) {
      Object.defineProperty(error, 'cause', { value: signal.reason, writable: true, configurable: true })
    }
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
