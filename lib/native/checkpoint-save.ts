/**
 * Writes a model folder that transformers, vLLM and llama.cpp's converter read, whole or not at all: the weights
 * through the addon, around them configuration and tokenizer. A multimodal model keeps its form: its text tensors
 * under their prefix, its vision tensors and configuration as they came.
 */
import { join } from 'node:path'
import { type CheckpointSource, checkSource } from './checkpoint.ts'
import { CheckpointError, copyPresent, exists, writeFolder, writeJson } from './files.ts'
import { type GemmaTokens, toHuggingFaceConfig } from './gemma-config.ts'
import type { GemmaConfig, SaveWeightsOptions } from './types.ts'

type WeightDType = 'float32' | 'bfloat16'

/** Tokenizer files that travel with a checkpoint; those absent from the source are skipped. */
export const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
] as const

const PROCESSOR_FILES = ['preprocessor_config.json', 'processor_config.json'] as const

/** What Hugging Face splits at. */
const MAX_SHARD_BYTES = 5_000_000_000

export interface SaveOptions {
  /** A folder whose tokenizer files are copied through; default: the one the model was loaded from. */
  tokenizerFrom?: string
  /**
   * Keep the vision part of a model loaded from a multimodal checkpoint, byte for byte; the files it was loaded
   * from must be there unchanged. false: text only. Default: true for such a model.
   */
  vision?: boolean
  /** Default: the model's own. */
  dtype?: WeightDType
  /** Bytes of one file, 5 GB unless told. */
  maxShardBytes?: number
  signal?: AbortSignal
}

export interface SavedModel {
  config: GemmaConfig
  tokens: GemmaTokens
  dtype: WeightDType
  /** Absent: random weights. */
  source?: CheckpointSource
}

/** Lays everything but the weights around what `writeWeights` puts into the folder it is given. */
export async function writeCheckpoint(
  dir: string,
  model: SavedModel,
  writeWeights: (folder: string, options: SaveWeightsOptions) => Promise<void>,
  options: SaveOptions = {},
): Promise<void> {
  const { source } = model
  const vision = options.vision ?? source?.multimodal ?? false
  if (vision && !source?.multimodal) {
    throw new CheckpointError(
      `vision: expected a model loaded from a multimodal checkpoint, got ${source ? source.dir : 'random weights'}; leave it out`,
    )
  }
  const carry = vision ? source : undefined
  if (carry) await checkSource(carry)
  const dtype = options.dtype ?? model.dtype
  await writeFolder(
    dir,
    async (folder) => {
      await writeWeights(folder, {
        prefix: carry?.prefix ?? 'model.',
        maxShardBytes: options.maxShardBytes ?? MAX_SHARD_BYTES,
        dtype,
        carried: carry?.carried ?? [],
      })
      await writeGeneration(folder, model)
      const tokenizer = options.tokenizerFrom ?? source?.dir
      if (tokenizer !== undefined) await copyPresent(tokenizer, folder, TOKENIZER_FILES)
      if (carry) await copyPresent(carry.dir, folder, PROCESSOR_FILES)
      const config = carry
        ? withDType(carry.configJson, dtype)
        : toHuggingFaceConfig(model.config, { dtype, tokens: model.tokens })
      await writeJson(join(folder, 'config.json'), config)
    },
    options.signal,
  )
}

/** The source's own sampling settings where it has any. */
async function writeGeneration(folder: string, { source, tokens }: SavedModel): Promise<void> {
  const name = 'generation_config.json'
  if (source && (await exists(join(source.dir, name)))) return copyPresent(source.dir, folder, [name])
  await writeJson(join(folder, name), {
    bos_token_id: tokens.bos,
    eos_token_id: tokens.eos.length === 1 ? tokens.eos[0] : tokens.eos,
    pad_token_id: tokens.pad,
  })
}

/** A configuration with its dtype fields, in either spelling and at either level, set where it has them. */
function withDType(config: Record<string, unknown>, dtype: WeightDType): Record<string, unknown> {
  const set = (level: Record<string, unknown>) => ({
    ...level,
    ...('torch_dtype' in level && { torch_dtype: dtype }),
    ...('dtype' in level && { dtype }),
  })
  return { ...set(config), text_config: set(config.text_config as Record<string, unknown>) }
}
