/**
 * A model folder in the Hugging Face layout, found and checked before anything is loaded: its form, its shards
 * against its index, and what of it is not text. Shapes are the native loader's to check.
 */
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { CheckpointError, checked, exists, readJson } from './files.ts'
import { type GemmaTokens, parseGemmaConfig } from './gemma-config.ts'
import { expectedTensors } from './gemma-tensors.ts'
import type { GemmaConfig, NativeAddon } from './types.ts'

export { CheckpointError } from './files.ts'

/** Where a checkpoint keeps its text tensors: one of the layouts that have been published. */
const PREFIXES = ['model.language_model.', 'language_model.model.', 'model.'] as const

/** Tied duplicates of the embedding: allowed in a file, neither read nor kept. */
const DUPLICATES = ['lm_head.weight', 'language_model.lm_head.weight', 'model.lm_head.weight']

/** The vision part: never read, carried through a save. */
const VISION = [
  'vision_tower.',
  'model.vision_tower.',
  'multi_modal_projector.',
  'model.multi_modal_projector.',
]

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) })
const generationSchema = z.looseObject({
  eos_token_id: z.union([z.int().nonnegative(), z.array(z.int().nonnegative()).min(1)]).nullish(),
})

/** A file as it was when the checkpoint was opened. */
export interface FileStamp {
  path: string
  bytes: bigint
  modifiedNs: bigint
}

/** What a later save needs of the folder a model came from. */
export interface CheckpointSource {
  dir: string
  /** Prefix of the text tensors. */
  prefix: string
  /** config.json as it stands; of a multimodal checkpoint it is copied through. */
  configJson: Record<string, unknown>
  multimodal: boolean
  /** Vision tensors by file. */
  carried: { file: string; names: string[] }[]
  stamps: FileStamp[]
}

export interface ResolvedCheckpoint {
  config: GemmaConfig
  tokens: GemmaTokens
  files: string[]
  prefix: string
  ignore: string[]
  source: CheckpointSource
}

type Shards = Map<string, string[]>

/** Finds the files of a checkpoint and the form it is in. @throws CheckpointError, GemmaConfigError */
export async function resolveCheckpoint(
  addon: Pick<NativeAddon, 'safetensorsHeader'>,
  dir: string,
): Promise<ResolvedCheckpoint> {
  const configPath = join(dir, 'config.json')
  const configJson = (await readJson(configPath)) as Record<string, unknown>
  const { config, tokens, multimodal } = parseGemmaConfig(configJson, configPath)
  const single = join(dir, 'model.safetensors')
  const index = join(dir, 'model.safetensors.index.json')
  const namesIn = async (file: string) =>
    (await addon.safetensorsHeader(file)).entries.map((entry) => entry.name)
  const whole = await exists(single)
  const shards: Shards = whole
    ? new Map([[single, await namesIn(single)]])
    : await shardsOf(dir, index, namesIn)
  const held = new Set([...shards.values()].flat())
  const prefix = PREFIXES.find((candidate) => held.has(`${candidate}embed_tokens.weight`))
  if (prefix === undefined) {
    throw new CheckpointError(
      `${dir}: expected a tensor named embed_tokens.weight under one of ${PREFIXES.join(', ')}, found none among ${held.size}`,
    )
  }
  const missing = expectedTensors(config).find(({ name }) => !held.has(prefix + name))
  if (missing) {
    throw new CheckpointError(
      `${whole ? single : index}: the tensor '${prefix}${missing.name}' is missing, which ${configPath} asks for`,
    )
  }
  const files = [...shards.keys()]
  const isVision = (name: string) => VISION.some((start) => name.startsWith(start))
  const carried = [...shards]
    .map(([file, names]) => ({ file: resolve(file), names: names.filter(isVision) }))
    .filter(({ names }) => names.length > 0)
  return {
    config,
    tokens: { ...tokens, ...(await generationEos(dir)) },
    files,
    prefix,
    ignore: [...DUPLICATES, ...VISION],
    source: {
      dir: resolve(dir),
      prefix,
      configJson,
      multimodal,
      carried,
      stamps: await Promise.all(files.map((file) => stampOf(resolve(file)))),
    },
  }
}

/** What ends a generation, where generation_config.json says it: transformers reads it there first. */
async function generationEos(dir: string): Promise<Partial<GemmaTokens>> {
  const path = join(dir, 'generation_config.json')
  if (!(await exists(path))) return {}
  const eos = checked(generationSchema, await readJson(path), path).eos_token_id
  return eos == null ? {} : { eos: Array.isArray(eos) ? eos : [eos] }
}

/** Shards named by the index, each a plain file name beside it, holding exactly the tensors it is said to. */
async function shardsOf(
  dir: string,
  index: string,
  namesIn: (file: string) => Promise<string[]>,
): Promise<Shards> {
  if (!(await exists(index))) {
    throw new CheckpointError(
      `${dir}: expected model.safetensors or model.safetensors.index.json, found neither`,
    )
  }
  const map = checked(indexSchema, await readJson(index), index).weight_map
  const expected = new Map<string, string[]>()
  for (const [tensor, file] of Object.entries(map)) {
    if (!/^[A-Za-z0-9._-]+\.safetensors$/.test(file)) {
      throw new CheckpointError(
        `${index}: weight_map: expected a plain file name ending in .safetensors for '${tensor}', got '${file}'`,
      )
    }
    const tensors = expected.get(file)
    if (tensors) tensors.push(tensor)
    else expected.set(file, [tensor])
  }
  const shards: Shards = new Map()
  for (const [file, tensors] of expected) {
    const shard = join(dir, file)
    if (!(await exists(shard))) {
      throw new CheckpointError(
        `${index}: the file ${file}, which holds '${tensors[0]}', is missing from ${dir}; copy the whole checkpoint`,
      )
    }
    const held = await namesIn(shard)
    const present = new Set(held)
    for (const tensor of tensors) {
      if (!present.has(tensor))
        throw new CheckpointError(
          `${shard}: the tensor '${tensor}' is missing, although the index places it here`,
        )
    }
    for (const tensor of held) {
      const place = Object.hasOwn(map, tensor) ? map[tensor] : undefined
      if (place === undefined)
        throw new CheckpointError(`${shard}: the tensor '${tensor}' is not in the index`)
      if (place !== file)
        throw new CheckpointError(
          `${shard}: the tensor '${tensor}' stands in two files, here and, by the index, in ${place}`,
        )
    }
    shards.set(shard, held)
  }
  return shards
}

async function stampOf(path: string): Promise<FileStamp> {
  const { size, mtimeNs } = await stat(path, { bigint: true })
  return { path, bytes: size, modifiedNs: mtimeNs }
}

/** The files a model was loaded from must still be what they were. @throws CheckpointError naming the file */
export async function checkSource(source: CheckpointSource): Promise<void> {
  for (const was of source.stamps) {
    const now = await stampOf(was.path).catch((cause: unknown) => {
      throw new CheckpointError(
        `${was.path}: expected the file this model was loaded from, whose vision tensors the save copies, found none; ` +
          'put it back, or save with vision: false',
        { cause },
      )
    })
    if (now.bytes !== was.bytes || now.modifiedNs !== was.modifiedNs) {
      throw new CheckpointError(
        `${was.path}: expected the file this model was loaded from (${was.bytes} bytes), whose vision tensors the save ` +
          `copies, found a changed one (${now.bytes} bytes); load the model again, or save with vision: false`,
      )
    }
  }
}
