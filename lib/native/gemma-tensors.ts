/**
 * Every text tensor of a Gemma3 checkpoint, from its config alone: names without prefix and shapes, in the order
 * Hugging Face keeps them. Allocates nothing; the native loader allocates by the same list (weightShapes).
 */
import type { GemmaConfig } from './types.ts'

export interface TensorShape {
  name: string
  /** Linear weights are [out, in]; norms [H] or [head_dim]. */
  shape: number[]
}

/** 13 tensors per layer, the embedding (tied with the output) and the final norm; 626 for 12B. */
export function expectedTensors(config: GemmaConfig): TensorShape[] {
  const { hidden, intermediate, headDim } = config
  const queries = config.heads * headDim
  const keys = config.kvHeads * headDim
  const tensors: TensorShape[] = [{ name: 'embed_tokens.weight', shape: [config.vocab, hidden] }]
  for (let layer = 0; layer < config.layers; layer++) {
    const add = (name: string, ...shape: number[]) =>
      tensors.push({ name: `layers.${layer}.${name}.weight`, shape })
    add('input_layernorm', hidden)
    add('self_attn.q_proj', queries, hidden)
    add('self_attn.k_proj', keys, hidden)
    add('self_attn.v_proj', keys, hidden)
    add('self_attn.q_norm', headDim)
    add('self_attn.k_norm', headDim)
    add('self_attn.o_proj', hidden, queries)
    add('post_attention_layernorm', hidden)
    add('pre_feedforward_layernorm', hidden)
    add('mlp.gate_proj', intermediate, hidden)
    add('mlp.up_proj', intermediate, hidden)
    add('mlp.down_proj', hidden, intermediate)
    add('post_feedforward_layernorm', hidden)
  }
  tensors.push({ name: 'norm.weight', shape: [hidden] })
  return tensors
}

/** Number of text parameters, the tied embedding counted once: 11,766,034,176 for 12B. */
export function countParameters(config: GemmaConfig): number {
  return expectedTensors(config).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  )
}
