/**
 * Bytes that a training pass of T packed tokens keeps for backward, by checkpointing variant, and what backward
 * works with on top. Counts the tensors of native/core/forward.cpp: per layer two residual streams, inputs of the
 * four products, queries, keys and values before and after rope, attention's output, gate and up.
 */
import type { Config } from '../config/schema.ts'
import type { GemmaConfig } from '../native/types.ts'
import type { Bytes } from './optimizer-state.ts'
import { attentionWidth, qkvWidth } from './parameters.ts'

export type Checkpointing = Config['training']['checkpointing']

/** Numbers per token and layer that stay until backward when nothing is recomputed. */
export function layerElements(config: GemmaConfig): number {
  const { hidden, intermediate } = config
  const residual = 2 * hidden
  const normed = 2 * hidden
  const branches = 2 * hidden
  return residual + normed + branches + 2 * qkvWidth(config) + attentionWidth(config) + 3 * intermediate
}

/**
 * Numbers per token and layer so that no matrix product is repeated: the residual stream, what both branches add to
 * it, q, k, v, attention's output, gate and up (native/core/selective_layer.h). The branches' outputs are kept
 * because the second residual stream less the first would give them back with bfloat16's cancellation.
 */
export function selectiveElements(config: GemmaConfig): number {
  return 3 * config.hidden + qkvWidth(config) + attentionWidth(config) + 2 * config.intermediate
}

/** What the forward pass keeps over all layers, bytes. 12B at 8192 tokens: full 3.02 GB, selective 42.9 GB. */
export function savedBytes(
  config: GemmaConfig,
  tokens: number,
  element: Bytes,
  variant: Checkpointing,
): number {
  // Attention's log-sum-exp is float32, one per head.
  const lse = 4 * config.heads
  const perToken = {
    none: layerElements(config) * element + lse,
    selective: selectiveElements(config) * element + lse,
    full: config.hidden * element,
  }[variant]
  return tokens * config.layers * perToken
}

/**
 * What backward holds of the layer it is in: what it recomputes, and the gradients that flow through it (of gate
 * and up, their product, the residual stream, queries, keys and values; in float32 where flash attention adds
 * them up).
 */
export function workingBytes(
  config: GemmaConfig,
  tokens: number,
  element: Bytes,
  variant: Checkpointing,
  flash: boolean,
): number {
  const { hidden, intermediate } = config
  const recomputed = { none: 0, selective: intermediate + 2 * hidden, full: layerElements(config) }[variant]
  const gradients = 3 * intermediate + 3 * hidden + qkvWidth(config)
  // dq in float32, dk and dv once per query head.
  const accumulators = flash ? attentionWidth(config) * (4 + 2 * element) : 0
  return tokens * ((recomputed + gradients) * element + accumulators)
}
