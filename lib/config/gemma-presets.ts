/**
 * Starting points for the five published Gemma3 checkpoints: adapters for actor and both critics on one frozen
 * bfloat16 base, lengths of 8k tokens, the paper's Table 6 for everything it states. They differ only in what
 * their size asks of one GPU; `--set training.mode=full` switches to full fine-tuning.
 */
import type { ConfigInput } from './schema.ts'

interface Size {
  published: '270m' | '1b' | '4b' | '12b' | '27b'
  /** Episodes in flight, and so sequences with keys and values in memory. */
  concurrency: number
  /** Tokens of one training pass. */
  maxTokens: number
  checkpointing: 'full' | 'selective'
}

/** The critics' rates in Table 6 differ twenty-fold; learningRateScale brings both to adapters. */
const RATES = { actor: 1e-6, value: 1e-6, potential: 2e-5, imitation: 1e-5 }

function gemmaPreset({ published, concurrency, maxTokens, checkpointing }: Size) {
  return {
    model: { published, dtype: 'bfloat16' },
    agent: { promptStyle: 'webrl', maxPromptTokens: 7936, maxActionTokens: 256, concurrency },
    generation: { prefillChunk: 8192 },
    training: {
      mode: 'lora',
      critics: 'lora',
      lora: { rank: 64, alpha: 64, learningRateScale: 10 },
      optimizerState: 'stochastic',
      gradients: 'parameter',
      checkpointing,
      logitsChunk: 256,
      packPrefixes: true,
    },
    imitation: {
      enabled: true,
      demonstrations: 2000,
      batchSize: 128,
      maxTokens,
      learningRate: RATES.imitation,
      warmup: 0.1,
      finalShare: 0,
      promptLossWeight: 0,
    },
    critics: {
      learningRate: RATES.value,
      potentialLearningRate: RATES.potential,
      batchSize: 128,
      maxTokens,
      pretrainEpochs: 3,
    },
    policy: { learningRate: RATES.actor, batchSize: 128, maxTokens },
    phases: { count: 6, rollouts: 400, temperature: 1 },
  } as const satisfies ConfigInput
}

export const gemmaPresets = {
  /** 270M parameters: for a first look on any GPU, or a patient CPU. */
  'gemma3-270m': gemmaPreset({
    published: '270m',
    concurrency: 64,
    maxTokens: 16384,
    checkpointing: 'selective',
  }),
  'gemma3-1b': gemmaPreset({
    published: '1b',
    concurrency: 64,
    maxTokens: 16384,
    checkpointing: 'selective',
  }),
  'gemma3-4b': gemmaPreset({
    published: '4b',
    concurrency: 64,
    maxTokens: 16384,
    checkpointing: 'selective',
  }),
  /** The paper's model, on one GPU of 141 GB. */
  'gemma3-12b': gemmaPreset({
    published: '12b',
    concurrency: 32,
    maxTokens: 16384,
    checkpointing: 'selective',
  }),
  'gemma3-27b': gemmaPreset({ published: '27b', concurrency: 16, maxTokens: 16384, checkpointing: 'full' }),
} satisfies Record<string, ConfigInput>
