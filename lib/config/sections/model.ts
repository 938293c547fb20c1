/** The policy's body and its tokenizer: a checkpoint in Hugging Face layout, or a Gemma3 of this shape from scratch. */
import { z } from 'zod'
import { count, positive } from './numbers.ts'

/** The Gemma3 checkpoints of the field; lib/plan/published.ts has their shapes. */
export const PUBLISHED_MODELS = ['270m', '1b', '4b', '12b', '27b'] as const

/**
 * Gemma3 text decoder. Defaults: 1.08M parameters at a vocabulary of 1024, the smallest measured to learn the
 * embedded suite by imitation in minutes on two cores.
 */
export const architecture = z
  .strictObject({
    /** Width of the residual stream. */
    hidden: count.default(128),
    layers: count.default(4),
    /** Query heads. */
    heads: count.default(4),
    /** Key/value heads; divides `heads` (grouped-query attention). */
    kvHeads: count.default(1),
    headDim: count.multipleOf(2).default(32),
    /** Width of the GeGLU. */
    intermediate: count.default(512),
    /** RoPE base of full-attention layers (Gemma3: 1e6). */
    ropeThetaGlobal: positive.default(1e6),
    /** RoPE base of sliding-window layers (Gemma3: 1e4). */
    ropeThetaLocal: positive.default(1e4),
    /** One per layer. Gemma3 has five sliding to one full; four layers alternate. */
    layerTypes: z
      .array(z.enum(['sliding_attention', 'full_attention']))
      .default(['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention']),
    /** Tokens a sliding-window layer looks back, its own included. */
    slidingWindow: count.default(512),
    /** Longest sequence, tokens. */
    maxPositions: count.default(2048),
    rmsEps: positive.default(1e-6),
    /** Attention logits are divided by its square root; null = headDim. */
    queryPreAttnScalar: positive.nullable().default(null),
    /** Standard deviation of the initial weights: 1/sqrt(hidden), so that tied embeddings can be copied from the start (docs/log.md). */
    initStd: positive.default(0.088),
    /** Initial gain of the post-norms; below 1 so that deep residual paths start quiet (measured: 0.3). */
    postNormGain: positive.default(0.3),
  })
  .prefault({})
  .superRefine((shape, context) => {
    if (shape.heads % shape.kvHeads !== 0) {
      context.addIssue({
        code: 'custom',
        path: ['kvHeads'],
        message: `expected a divisor of heads (${shape.heads})`,
        input: shape.kvHeads,
      })
    }
    if (shape.layerTypes.length !== shape.layers) {
      context.addIssue({
        code: 'custom',
        path: ['layerTypes'],
        message: `expected one entry per layer (${shape.layers})`,
        input: `${shape.layerTypes.length} entries`,
      })
    }
  })

export const model = z
  .strictObject({
    /** Folder in Hugging Face layout to start from; null = random weights of `architecture`. */
    path: z.string().min(1).nullable().default(null),
    /**
     * A published Gemma3 that `path` is expected to hold: `mira plan` knows its shape before the weights are on
     * disk, and a run without `path` is refused instead of starting from random weights.
     */
    published: z.enum(PUBLISHED_MODELS).nullable().default(null),
    /** Where weights, caches and activations live; auto = the first CUDA device where there is one. */
    device: z
      .string()
      .regex(/^(auto|cpu|cuda(:\d+)?)$/, 'expected auto, cpu, cuda or cuda:N')
      .default('auto'),
    dtype: z.enum(['float32', 'bfloat16']).default('float32'),
    /** Ignored when a checkpoint brings its own. */
    architecture,
  })
  .prefault({})

export const tokenizer = z
  .strictObject({
    /** Folder with tokenizer.json; null = the checkpoint's, or the embedded suite's. */
    path: z.string().min(1).nullable().default(null),
  })
  .prefault({})
