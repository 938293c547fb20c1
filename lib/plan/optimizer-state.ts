/** Bytes that AdamW and gradients take beside a parameter, by storage mode. */
import type { Config } from '../config/schema.ts'

export type OptimizerState = Config['training']['optimizerState']
export type Bytes = 2 | 4

/** Elements that share one float32 scale in 8-bit moments. */
const INT8_BLOCK = 256

/** Bytes per parameter of one moment. */
const MOMENT = { float32: 4, bfloat16: 2, int8: 1 + 4 / INT8_BLOCK } as const
/** Bytes per bfloat16 parameter of what makes its update exact: a float32 master, its low 16 bits, or nothing. */
const MASTER = { float32: 4, split: 2, none: 0 } as const

/** Moments and master, bytes per bfloat16 parameter. */
export function stateBytes(master: keyof typeof MASTER, moments: keyof typeof MOMENT): number {
  return MASTER[master] + 2 * MOMENT[moments]
}

const MODES: Record<OptimizerState, [keyof typeof MASTER, keyof typeof MOMENT]> = {
  float32: ['float32', 'float32'],
  stochastic: ['none', 'bfloat16'],
  split: ['split', 'bfloat16'],
  int8: ['none', 'int8'],
}

/** Bytes per parameter of the optimizer's own tensors; float32 parameters always keep float32 moments. */
export function optimizerBytes(parameter: Bytes, mode: OptimizerState): number {
  return parameter === 4 ? 2 * MOMENT.float32 : stateBytes(...MODES[mode])
}

/**
 * Bytes per parameter of gradients at their peak, the end of a backward pass: sums in float32 stand beside the
 * pass's own gradients, in the parameter's dtype; otherwise there is one tensor.
 */
export function gradientBytes(parameter: Bytes, sums: Config['training']['gradients']): number {
  return sums === 'float32' ? parameter + 4 : parameter
}
