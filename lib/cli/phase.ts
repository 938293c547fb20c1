/** Which phase of a run a command means: a number, or the best one. */
import { UsageError } from './exit.ts'

/** @throws UsageError when the run has no such checkpoint */
export function phaseOf(text: string, best: number, completed: number, directory: string): number {
  const phase = text === 'best' ? best : /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(phase)) throw new UsageError(`--phase: expected a number or "best", received "${text}"`)
  if (phase < 0) throw new UsageError(`expected a run with a checkpoint in ${directory}, it has none yet`)
  if (phase > completed) {
    throw new UsageError(`--phase: expected one of the complete phases 0 to ${completed}, received ${phase}`)
  }
  return phase
}
