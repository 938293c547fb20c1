/**
 * A model folder in the Hugging Face layout: found and checked before anything is loaded, and written whole or
 * not at all. Names inside safetensors files are the native loader's to check.
 */
import { copyFile, mkdir, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { type GemmaTokens, parseGemmaConfig, toHuggingFaceConfig } from './gemma-config.ts'
import type { GemmaConfig, NativeAddon } from './types.ts'

export class CheckpointError extends Error {
  readonly code = 'ERR_CHECKPOINT'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CheckpointError'
  }
}

/** Where a checkpoint keeps its text tensors: one of the layouts that have been published. */
const PREFIXES = ['model.language_model.', 'language_model.model.', 'model.'] as const

/** Tied duplicates and the vision part: allowed in a file, never read. */
const IGNORED = [
  'lm_head.weight',
  'language_model.lm_head.weight',
  'model.lm_head.weight',
  'vision_tower.',
  'model.vision_tower.',
  'multi_modal_projector.',
  'model.multi_modal_projector.',
]

/** Tokenizer files that travel with a checkpoint; those absent from the source are skipped. */
export const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
] as const

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) })

export interface ResolvedCheckpoint {
  config: GemmaConfig
  tokens: GemmaTokens
  files: string[]
  prefix: string
  ignore: string[]
}

async function readJson(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new CheckpointError(
      `${path}: expected a readable file; is this a model folder in the Hugging Face layout?`,
      { cause },
    )
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CheckpointError(`${path}: expected JSON, got something else; the file may be truncated`, {
      cause,
    })
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/** Finds the files of a checkpoint and the form it is in. @throws CheckpointError, GemmaConfigError */
export async function resolveCheckpoint(addon: NativeAddon, dir: string): Promise<ResolvedCheckpoint> {
  const configPath = join(dir, 'config.json')
  const { config, tokens } = parseGemmaConfig(await readJson(configPath), configPath)
  const single = join(dir, 'model.safetensors')
  const files = (await exists(single)) ? [single] : await shardsOf(addon, dir)
  const names: string[] = []
  for (const file of files)
    names.push(...(await addon.safetensorsHeader(file)).entries.map((entry) => entry.name))
  const prefix = PREFIXES.find((candidate) => names.includes(`${candidate}embed_tokens.weight`))
  if (prefix === undefined) {
    throw new CheckpointError(
      `${dir}: expected a tensor named embed_tokens.weight under one of ${PREFIXES.join(', ')}, found none among ${names.length}`,
    )
  }
  return { config, tokens, files, prefix, ignore: [...IGNORED] }
}

/** Shards named by the index, each a plain file name beside it, holding exactly the tensors it is said to. */
async function shardsOf(addon: NativeAddon, dir: string): Promise<string[]> {
  const path = join(dir, 'model.safetensors.index.json')
  if (!(await exists(path))) {
    throw new CheckpointError(
      `${dir}: expected model.safetensors or model.safetensors.index.json, found neither`,
    )
  }
  const parsed = indexSchema.safeParse(await readJson(path))
  if (!parsed.success)
    throw new CheckpointError(`${path}: weight_map: expected an object of tensor name to file name`, {
      cause: parsed.error,
    })
  const expected = new Map<string, Set<string>>()
  for (const [tensor, file] of Object.entries(parsed.data.weight_map)) {
    if (!/^[A-Za-z0-9._-]+\.safetensors$/.test(file)) {
      throw new CheckpointError(
        `${path}: weight_map: expected a plain file name ending in .safetensors for '${tensor}', got '${file}'`,
      )
    }
    expected.set(file, (expected.get(file) ?? new Set()).add(tensor))
  }
  for (const [file, tensors] of expected) {
    const shard = join(dir, file)
    if (!(await exists(shard))) throw new CheckpointError(`${path}: the file ${file} is missing from ${dir}`)
    const held = new Set((await addon.safetensorsHeader(shard)).entries.map((entry) => entry.name))
    for (const tensor of tensors) {
      if (!held.has(tensor))
        throw new CheckpointError(
          `${shard}: the tensor '${tensor}' is missing, although the index places it here`,
        )
    }
    for (const tensor of held) {
      if (!tensors.has(tensor))
        throw new CheckpointError(`${shard}: the tensor '${tensor}' is not in the index`)
    }
  }
  return [...expected.keys()].map((file) => join(dir, file))
}

export interface SaveOptions {
  /** A folder whose tokenizer files are copied through. */
  tokenizerFrom?: string
  signal?: AbortSignal
}

/** Writes config, generation config and tokenizer files around what `writeWeights` puts at the path it is given. */
export async function writeCheckpoint(
  dir: string,
  model: { config: GemmaConfig; tokens: GemmaTokens; dtype: 'float32' | 'bfloat16' },
  writeWeights: (path: string) => Promise<void>,
  options: SaveOptions = {},
): Promise<void> {
  const target = resolve(dir)
  await mkdir(dirname(target), { recursive: true })
  const temporary = await mkdtemp(join(dirname(target), `.${basename(target)}.`))
  try {
    await writeWeights(join(temporary, 'model.safetensors'))
    const { tokens } = model
    const eos = tokens.eos.length === 1 ? tokens.eos[0] : tokens.eos
    await writeSynced(join(temporary, 'generation_config.json'), {
      bos_token_id: tokens.bos,
      eos_token_id: eos,
      pad_token_id: tokens.pad,
    })
    if (options.tokenizerFrom !== undefined) {
      for (const file of TOKENIZER_FILES) {
        const source = join(options.tokenizerFrom, file)
        if (!(await exists(source))) continue
        await copyFile(source, join(temporary, file))
        await sync(join(temporary, file))
      }
    }
    await writeSynced(join(temporary, 'config.json'), toHuggingFaceConfig(model.config, model))
    await sync(temporary)
    options.signal?.throwIfAborted()
    await replaceFolder(temporary, target)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/** Moves `from` to `to`; an older folder at `to` is moved aside first and removed last. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const aside = `${from}.old`
  const replaced = await rename(to, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
  try {
    await rename(from, to)
  } catch (error) {
    if (replaced) await rename(aside, to)
    throw error
  }
  await sync(dirname(to))
  if (replaced) await rm(aside, { recursive: true, force: true })
}

async function writeSynced(path: string, json: unknown): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(`${JSON.stringify(json, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
