/**
 * An adapter alone, as a PEFT folder that PEFT and vLLM load over its base: checked against the base, then copied
 * with the base's tokenizer files, so that the folder serves by itself.
 */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolveCheckpoint } from '../native/checkpoint.ts'
import { TOKENIZER_FILES } from '../native/checkpoint-save.ts'
import { copyPresent, readJson, writeFolder, writeJson } from '../native/files.ts'
import { loadNative } from '../native/loader.ts'
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, readPeft } from '../native/peft.ts'

export interface ExportAdapterOptions {
  /** PEFT folder to read. */
  adapter: string
  /** The model folder it belongs on; recorded as base_model_name_or_path where the adapter names none. */
  checkpoint: string
  out: string
  tokenizerFrom?: string
}

/** The folder appears whole or not at all. @throws CheckpointError when adapter and base do not fit */
export async function exportAdapter(options: ExportAdapterOptions): Promise<void> {
  const addon = loadNative()
  const { adapter, checkpoint, out } = options
  const { config, source } = await resolveCheckpoint(addon, checkpoint)
  const peft = await readPeft(addon, adapter, config)
  const json = (await readJson(join(adapter, ADAPTER_CONFIG))) as Record<string, unknown>
  await writeFolder(out, async (folder) => {
    await copyFile(peft.file, join(folder, ADAPTER_WEIGHTS))
    await copyPresent(options.tokenizerFrom ?? checkpoint, folder, TOKENIZER_FILES)
    await writeJson(join(folder, ADAPTER_CONFIG), {
      ...json,
      base_model_name_or_path: peft.base ?? source.dir,
    })
  })
}
