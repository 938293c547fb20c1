/**
 * The workloads of the GPU benchmark, as plain data that both sides read (ours/*.ts and hf_reference.py): packed
 * training rows, prompts and batch sizes, with seeded random ids. Measures nothing.
 */
import type { Device } from '../../lib/native/model.ts'
import type { Checkpointing, GemmaConfig } from '../../lib/native/types.ts'

interface Common {
  config: GemmaConfig
  dtype: 'float32' | 'bfloat16'
  device: Device
  seed: number
}
export interface TrainJob extends Common {
  kind: 'train'
  mode: 'full' | 'lora'
  /** Tokens of the one row that a micro-batch holds; every token but its first is scored. */
  rows: number[]
  /** Tokens between two optimizer steps, so that row lengths compare. */
  tokensPerStep: number
  warmup: number
  steps: number
  loraRank: number
  /** Rows of logits alive at once (ours; HF has no such setting). */
  chunk: number
  /** Tried in this order; the next one when the device runs out of memory (ours). */
  checkpointing: Checkpointing[]
}
export interface GenerateJob extends Common {
  kind: 'generate'
  promptLength: number
  newTokens: number
  /** Concurrent sequences, ascending. */
  batches: number[]
  /** Those that HF's generate is measured at too. */
  hfBatches: number[]
}
export type Job = TrainJob | GenerateJob

export const GROUPS = ['train-full', 'train-lora', 'generate'] as const
export type Group = (typeof GROUPS)[number]

export interface Sizes {
  rows: number[]
  promptLength: number
  newTokens: number
  batches: number[]
  hfBatches: number[]
  steps: number
}

/** The sizes that the targets are stated for. */
export const GPU_SIZES: Sizes = {
  rows: [4096, 16384],
  promptLength: 8192,
  newTokens: 128,
  batches: [1, 8, 32, 64],
  hfBatches: [1, 32],
  steps: 3,
}

/** Sizes at which the same code runs through on a CPU. */
export const CPU_SIZES: Sizes = {
  rows: [48, 96],
  promptLength: 48,
  newTokens: 8,
  batches: [1, 3],
  hfBatches: [1, 3],
  steps: 1,
}

export function job(group: Group, config: GemmaConfig, device: Device, sizes: Sizes): Job {
  const common = { config, dtype: 'bfloat16' as const, device, seed: 1 }
  if (group === 'generate') {
    const { promptLength, newTokens, batches, hfBatches } = sizes
    return { kind: 'generate', ...common, promptLength, newTokens, batches, hfBatches }
  }
  return {
    kind: 'train',
    mode: group === 'train-full' ? 'full' : 'lora',
    ...common,
    rows: sizes.rows,
    tokensPerStep: Math.max(...sizes.rows),
    warmup: 1,
    steps: sizes.steps,
    loraRank: 16,
    // 256 rows of 262,208 float32 logits and their bfloat16 gradient are 0.38 GiB.
    chunk: 256,
    checkpointing: ['selective', 'full'],
  }
}

/** Names under which both sides report, so that ratios pair up. */
export const NAMES = {
  train: (mode: 'full' | 'lora', row: number) =>
    `${mode === 'full' ? 'full fine-tuning' : 'LoRA'}, rows of ${row}`,
  prefill: (length: number) => `prefill, one prompt of ${length}`,
  prefillMany: (count: number, length: number) => `prefill, ${count} prompts of ${length}`,
  decode: (batch: number, context: number) => `decode, batch ${batch} at ${context}`,
  mismatch: 'mismatch of sampler and trainer',
  mismatchExact: 'mismatch of sampler and trainer, exact mode',
  sync: 'weight sync after an update',
  logits: (row: number) => `logits memory, row of ${row}`,
} as const
