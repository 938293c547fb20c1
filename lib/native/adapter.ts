/**
 * A role's trainable state on disk: one safetensors file with adapters and heads, or a folder in PEFT's layout
 * with the heads beside it, which appears whole or not at all.
 */
import { join } from 'node:path'
import type { CheckpointSource } from './checkpoint.ts'
import { CheckpointError, exists, writeFolder, writeJson } from './files.ts'
import {
  ADAPTER_CONFIG,
  ADAPTER_WEIGHTS,
  HEADS_WEIGHTS,
  type LoraShape,
  PEFT_PREFIX,
  peftConfig,
  readPeft,
} from './peft.ts'
import type { GemmaConfig, NativeAddon, NativeRole } from './types.ts'

export interface AdapterState {
  name: string
  native: Pick<NativeRole, 'saveAdapter' | 'loadAdapter'>
  config: GemmaConfig
  /** Absent: the role has no adapters. */
  lora: LoraShape | undefined
  heads: boolean
  source: CheckpointSource | undefined
}

const isFile = (path: string) => path.endsWith('.safetensors')

/** To a folder in PEFT's layout, or to one file when the path ends in .safetensors. */
export async function saveAdapter(path: string, role: AdapterState): Promise<void> {
  const { lora, native } = role
  if (isFile(path)) return native.saveAdapter(path)
  if (!lora && !role.heads) {
    throw new CheckpointError(
      `${path}: expected a role with adapters or heads, '${role.name}' has neither; save its weights`,
    )
  }
  const multimodal = role.source?.multimodal ?? false
  await writeFolder(path, async (folder) => {
    if (role.heads) await native.saveAdapter(join(folder, HEADS_WEIGHTS), { adapters: false })
    if (!lora) return
    const prefix = PEFT_PREFIX[multimodal ? 'multimodal' : 'text']
    await native.saveAdapter(join(folder, ADAPTER_WEIGHTS), { heads: false, prefix })
    const base = role.source?.dir
    await writeJson(join(folder, ADAPTER_CONFIG), peftConfig(lora, { multimodal, ...(base && { base }) }))
  })
}

/** From either form; rank, scale and targets must be the role's. Nothing is changed when they are not. */
export async function loadAdapter(
  path: string,
  role: AdapterState,
  addon: Pick<NativeAddon, 'safetensorsHeader'>,
): Promise<void> {
  const { lora, native } = role
  if (isFile(path)) return native.loadAdapter(path)
  const heads = join(path, HEADS_WEIGHTS)
  if (role.heads && !(await exists(heads))) {
    throw new CheckpointError(
      `${path}: expected ${HEADS_WEIGHTS} for the heads of role '${role.name}', found none`,
    )
  }
  if (lora) {
    const adapter = await readPeft(addon, path, role.config)
    const { rank, targets, prefix } = adapter
    if (rank !== lora.rank || targets.join() !== lora.targets.join()) {
      throw new CheckpointError(
        `${path}: expected an adapter of rank ${lora.rank} on ${lora.targets.join(', ')} for role '${role.name}', ` +
          `got rank ${rank} on ${targets.join(', ')}; make the role with the adapter's shape`,
      )
    }
    await native.loadAdapter(adapter.file, { heads: false, prefix, scale: adapter.alpha / rank })
  }
  if (role.heads) await native.loadAdapter(heads, { adapters: false })
}
