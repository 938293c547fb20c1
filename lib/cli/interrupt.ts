/**
 * Ctrl-C (and SIGTERM): once aborts the signal, so that the run can end with a usable checkpoint; twice ends the
 * process at once.
 */
import { EXIT } from './exit.ts'

export interface Interruption extends Disposable {
  readonly signal: AbortSignal
}

/**
 * @param onFirst Called when the first signal arrives, to tell the person what happens now
 * @param quit Ends the process; replaced in tests
 */
export function listenForInterrupt(
  onFirst: () => void,
  quit: (code: number) => void = process.exit,
): Interruption {
  const controller = new AbortController()
  const listener = () => {
    if (controller.signal.aborted) {
      quit(EXIT.interrupted)
      return
    }
    onFirst()
    controller.abort(new DOMException('The run was interrupted', 'AbortError'))
  }
  process.on('SIGINT', listener)
  process.on('SIGTERM', listener)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', listener)
      process.off('SIGTERM', listener)
    },
  }
}
