/** A command's work under Ctrl-C: a first one stops it and gives the exit code for that, a second ends the process. */
import { setMaxListeners } from 'node:events'
import type { Context } from './commands/context.ts'
import { EXIT } from './exit.ts'
import { listenForInterrupt } from './interrupt.ts'

export async function interruptible(
  context: Context,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  using interruption = listenForInterrupt(() => context.err.write('\nstopping\n'), context.quit)
  // Every request under way listens.
  setMaxListeners(0, interruption.signal)
  try {
    await work(interruption.signal)
    context.exit(EXIT.ok)
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    context.exit(EXIT.interrupted)
  }
}
