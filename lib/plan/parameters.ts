/** How many numbers a Gemma3 and what is put on it hold: weights, adapters, heads. Counts, not bytes. */
import type { GemmaConfig, LoraTarget } from '../native/types.ts'

/** Outputs of the fused query, key and value projection. */
export function qkvWidth({ heads, kvHeads, headDim }: GemmaConfig): number {
  return (heads + 2 * kvHeads) * headDim
}

export function attentionWidth({ heads, headDim }: GemmaConfig): number {
  return heads * headDim
}

export function embeddingParameters({ vocab, hidden }: GemmaConfig): number {
  return vocab * hidden
}

/** The seven linear layers of a decoder layer, [inputs, outputs] each. */
export function linearShapes(config: GemmaConfig): Record<LoraTarget, [number, number]> {
  const { hidden, intermediate, kvHeads, headDim } = config
  const keys = kvHeads * headDim
  const attention = attentionWidth(config)
  return {
    q: [hidden, attention],
    k: [hidden, keys],
    v: [hidden, keys],
    o: [attention, hidden],
    gate: [hidden, intermediate],
    up: [hidden, intermediate],
    down: [intermediate, hidden],
  }
}

/** Text parameters, the tied embedding once. 12B: 11,766,034,176. */
export function textParameters(config: GemmaConfig): number {
  const { hidden, headDim, layers } = config
  const linear = Object.values(linearShapes(config)).reduce((sum, [i, o]) => sum + i * o, 0)
  // Four norms of the residual stream, two of the heads.
  const norms = 4 * hidden + 2 * headDim
  return embeddingParameters(config) + layers * (linear + norms) + hidden
}

/** Parameters of one role's adapters: rank * (inputs + outputs) of every adapted linear layer. */
export function loraParameters(config: GemmaConfig, rank: number, targets: readonly LoraTarget[]): number {
  const shapes = linearShapes(config)
  const perLayer = targets.reduce((sum, target) => sum + shapes[target][0] + shapes[target][1], 0)
  return rank * perLayer * config.layers
}

/** A scalar head of the given width: two layers with biases. */
export function headParameters({ hidden }: GemmaConfig, width: number): number {
  return width * hidden + 2 * width + 1
}
