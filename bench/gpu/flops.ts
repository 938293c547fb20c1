/**
 * Floating-point operations of Gemma3 passes, from the shape alone: what the model needs (for MFU; recomputation is
 * not work done) and what a checkpointing variant executes (for the distance from a GEMM's rate).
 *
 * One multiply-add is two operations. Matrices: 2 per weight and token, norms and the embedding look-up left out.
 * Attention: 4 per query head, head dimension, query and key that the causal window admits. Head: 2 V H per scored
 * token, since logits exist for scored tokens only. Backward is twice the forward; of that, a frozen weight's
 * half (its gradient) is not needed. Adapters are left out: 2.4% of the matrices at rank 64, less at 16.
 */
import type { Checkpointing, GemmaConfig } from '../../lib/native/types.ts'
import { linearShapes } from '../../lib/plan/parameters.ts'

export type Pass = 'forward' | 'lora' | 'full'

/** Operations of one forward pass over a batch, by where they happen. */
export interface ForwardFlops {
  matrices: number
  attention: number
  head: number
}

/** Weights of the decoder's matrices: all text parameters but the embedding and the norms. */
export function matrixParameters(config: GemmaConfig): number {
  const perLayer = Object.values(linearShapes(config)).reduce(
    (sum, [inputs, outputs]) => sum + inputs * outputs,
    0,
  )
  return config.layers * perLayer
}

/** Query-key pairs of a causal row; `window` counts the query itself, 0 = none. */
export function keyPairs(length: number, window: number): number {
  const ramp = window === 0 ? length : Math.min(length, window)
  return (ramp * (ramp + 1)) / 2 + (length - ramp) * ramp
}

/** `lengths`: tokens of each packed row; `scored`: tokens whose log-probability is computed. */
export function forwardFlops(c: GemmaConfig, lengths: readonly number[], scored: number): ForwardFlops {
  const tokens = lengths.reduce((sum, length) => sum + length, 0)
  const globals = c.layerIsGlobal.filter(Boolean).length
  const pairs = (window: number) => lengths.reduce((sum, length) => sum + keyPairs(length, window), 0)
  return {
    matrices: 2 * matrixParameters(c) * tokens,
    attention: 4 * c.heads * c.headDim * (globals * pairs(0) + (c.layers - globals) * pairs(c.slidingWindow)),
    head: 2 * c.vocab * c.hidden * scored,
  }
}

/** What the pass needs, recomputation not counted: the numerator of MFU. */
export function modelFlops(pass: Pass, { matrices, attention, head }: ForwardFlops): number {
  if (pass === 'forward') return matrices + attention + head
  const weights = pass === 'full' ? 3 : 2
  return weights * matrices + 3 * attention + weights * head
}

/**
 * What is executed. Flash attention's backward is 2.5 forwards (it computes the scores again); the head's logits
 * are always computed again in backward, a chunk at a time; `full` checkpointing repeats each layer's forward.
 */
export function executedFlops(
  pass: Pass,
  checkpointing: Checkpointing,
  { matrices, attention, head }: ForwardFlops,
): number {
  if (pass === 'forward') return matrices + attention + head
  const again = checkpointing === 'full' ? 1 : 0
  const weights = pass === 'full' ? 3 : 2
  return (weights + again) * matrices + (3.5 + again) * attention + (weights + 1) * head
}

/** Dense bfloat16 peak by the vendor's data sheet, FLOP/s: the denominator by which the field states MFU. */
export function datasheetPeak(device: string): number | undefined {
  if (/\bH[12]00\b.*\bPCIe\b|\bH100 NVL\b/i.test(device)) return undefined
  if (/\b(H100|H200|H800|GH200)\b/i.test(device)) return 989.4e12
  if (/\bA100\b|\bA800\b/i.test(device)) return 311.9e12
  return undefined
}

/** The formula in one sentence, printed beside every MFU. */
export const MFU_FORMULA =
  'MFU = model FLOPs / (seconds x peak). Model FLOPs of a training token: 6 per matrix weight (4 with the base ' +
  'frozen), 12 (heads x head dimension x keys inside the causal window) over all layers, 6 V H per scored token ' +
  '(4 frozen); recomputation, norms and adapters are not counted. Peak is the data sheet’s dense bfloat16 rate.'
