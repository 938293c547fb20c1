/** What is trained (all weights, or adapters on frozen ones) and how its memory is spent. */
import { z } from 'zod'
import { count, positive } from './numbers.ts'

export const LORA_TARGETS = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const

const lora = z
  .strictObject({
    /** Inner dimension of every adapter. */
    rank: count.default(16),
    /** Adapters enter scaled by alpha / rank. */
    alpha: positive.default(32),
    /** Linear layers that get adapters; all seven is what matches full fine-tuning. */
    targets: z
      .array(z.enum(LORA_TARGETS))
      .min(1)
      .default([...LORA_TARGETS]),
    /**
     * Multiplies every learning rate of roles that are adapters, so that a preset can state the rates of full
     * fine-tuning and still switch modes. Adapters want about ten times the rate of full weights.
     */
    learningRateScale: positive.default(1),
  })
  .prefault({})

export const training = z
  .strictObject({
    /** full: the actor is the model's own weights; lora: the actor is adapters on frozen weights. */
    mode: z.enum(['full', 'lora']).default('full'),
    /**
     * full: one copy of the trunk with two heads; lora: a value and a potential critic, each adapters and a head on
     * the model's weights (in full mode these move under them, as in the paper's shared backbone). auto = as `mode`.
     */
    critics: z.enum(['auto', 'full', 'lora']).default('auto'),
    lora,
    /**
     * AdamW's storage for bfloat16 weights; adapters and heads are always float32. float32: master and moments;
     * stochastic: no master, bfloat16 moments, stochastic rounding; split: exact master in 16 + 16 bits, bfloat16
     * moments; int8: block-wise 8-bit moments, stochastic rounding.
     */
    optimizerState: z.enum(['float32', 'stochastic', 'split', 'int8']).default('float32'),
    /** Gradients add up in float32, or in the dtype of their parameter. */
    gradients: z.enum(['float32', 'parameter']).default('float32'),
    /**
     * What backward recomputes. none: nothing; selective: norms and GeGLU, no matrix product; full: every layer
     * from its input.
     */
    checkpointing: z.enum(['none', 'selective', 'full']).default('none'),
    /** Rows of float32 logits alive at once in log-probabilities. */
    logitsChunk: count.default(2048),
    /** Score actions whose prompts extend one another in one sequence: same gradients, fewer tokens. */
    packPrefixes: z.boolean().default(false),
  })
  .prefault({})
