/** Bytes of keys and values: rings for sliding-window layers, a store as long as the sequence for global ones. */
import type { GemmaConfig } from '../native/types.ts'
import type { Bytes } from './optimizer-state.ts'

/** Stores of global layers are allocated in these units, tokens. */
const UNIT = 256

/** Keys and values of one token in one layer. */
export function tokenBytes({ kvHeads, headDim }: GemmaConfig, element: Bytes): number {
  return 2 * kvHeads * headDim * element
}

const storedTokens = (maxLength: number) => Math.ceil(maxLength / UNIT) * UNIT

/**
 * Every ring of one sequence: the window, or less where no sequence is as long; also one snapshot of them.
 * Agrees with native/core/slot_store.h, as tests say.
 */
export function ringBytes(config: GemmaConfig, maxLength: number, element: Bytes): number {
  const local = config.layerIsGlobal.filter((global) => !global).length
  return local * Math.min(config.slidingWindow, storedTokens(maxLength)) * tokenBytes(config, element)
}

/** One sequence of up to `maxLength` tokens. 12B at 8192: 872 MB. */
export function sequenceBytes(config: GemmaConfig, maxLength: number, element: Bytes): number {
  const global = config.layerIsGlobal.filter(Boolean).length
  return (
    ringBytes(config, maxLength, element) + global * storedTokens(maxLength) * tokenBytes(config, element)
  )
}
