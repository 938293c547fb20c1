/**
 * Learning rate of an optimizer step: linear warm-up, then constant, cosine or linear decay to a final share.
 */
import { LearnError } from './arrays.ts'

export interface Schedule {
  kind: 'constant' | 'cosine' | 'linear'
  /** Learning rate after warm-up. */
  peak: number
  /** Share of all steps spent warming up, [0, 1). */
  warmup: number
  /** Share of the peak at the last step; unused when constant. */
  final: number
}

/**
 * @param step 0-based optimizer step
 * @param total Steps in all
 */
export function learningRate(schedule: Schedule, step: number, total: number): number {
  const { kind, peak, warmup, final } = schedule
  if (!(step >= 0 && step < total)) {
    throw new LearnError('ERR_VALUE', `expected a step in [0, ${total}), received ${step}`)
  }
  const warmupSteps = Math.round(warmup * total)
  // The first step already learns: a warm-up of n steps runs peak/n, 2 peak/n, ..., peak.
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps
  if (kind === 'constant') return peak
  const span = total - 1 - warmupSteps
  const progress = span > 0 ? (step - warmupSteps) / span : 0
  const shape = kind === 'cosine' ? (1 + Math.cos(Math.PI * progress)) / 2 : 1 - progress
  return peak * (final + (1 - final) * shape)
}
