/**
 * A plain Hugging Face folder from a checkpoint, with an adapter merged where one is given: what transformers,
 * vLLM and llama.cpp's converter read. Weights go from file to file, a block at a time, so the model need not fit
 * into memory.
 */
import { withCancel } from '../native/cancel.ts'
import { resolveCheckpoint } from '../native/checkpoint.ts'
import { type SaveOptions, writeCheckpoint } from '../native/checkpoint-save.ts'
import { CheckpointError } from '../native/files.ts'
import { loadNative } from '../native/loader.ts'
import { readPeft } from '../native/peft.ts'
import type { NativeAddon } from '../native/types.ts'

export interface ExportOptions extends SaveOptions {
  /** Model folder to read. */
  checkpoint: string
  /** PEFT folder whose product is added: W + alpha/rank B A in float32, rounded once to the dtype written. */
  adapter?: string
  /** Folder to write; an older one is replaced. */
  out: string
  /** Keep the vision part of a multimodal checkpoint and its form. Default: text only. */
  vision?: boolean
}

const DTYPES: Record<string, 'float32' | 'bfloat16'> = { F32: 'float32', BF16: 'bfloat16' }

/** The folder appears whole or not at all. @throws CheckpointError, or a native error naming file and tensor */
export async function exportCheckpoint(options: ExportOptions): Promise<void> {
  const addon = loadNative()
  const { checkpoint, adapter, out, vision = false, signal } = options
  const { config, tokens, files, prefix, ignore, source } = await resolveCheckpoint(addon, checkpoint)
  const dtype = options.dtype ?? (await storedDType(addon, files, `${prefix}embed_tokens.weight`))
  const lora = adapter === undefined ? undefined : await readPeft(addon, adapter, config)
  await writeCheckpoint(
    out,
    { config, tokens, dtype, source },
    (folder, to) =>
      withCancel(addon, signal, (cancel) =>
        addon.exportWeights(
          config,
          {
            from: { files, prefix, ignore },
            to,
            folder,
            ...(lora && { merged: { file: lora.file, prefix: lora.prefix, scale: lora.alpha / lora.rank } }),
          },
          cancel,
        ),
      ),
    { ...options, vision },
  )
}

async function storedDType(
  addon: Pick<NativeAddon, 'safetensorsHeader'>,
  files: readonly string[],
  name: string,
): Promise<'float32' | 'bfloat16'> {
  for (const file of files) {
    const entry = (await addon.safetensorsHeader(file)).entries.find((candidate) => candidate.name === name)
    if (!entry) continue
    const dtype = DTYPES[entry.dtype]
    if (dtype) return dtype
    throw new CheckpointError(
      `${file}: '${name}' is stored as ${entry.dtype}, which is not written; give a dtype, 'bfloat16' or 'float32'`,
    )
  }
  throw new CheckpointError(`${files[0]}: the tensor '${name}' is missing`)
}
