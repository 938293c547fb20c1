/**
 * A role in a folder: full weights as a Hugging Face checkpoint, adapters as a PEFT folder, heads and optimizer
 * state beside them. What is read back continues exactly where it was written.
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Role } from '../native/model.ts'

const HEADS_FILE = 'heads.safetensors'

export interface RoleFolder {
  kind: 'full' | 'lora'
  /** Folder with the tokenizer files that travel along. */
  tokenizerFrom: string
  heads: boolean
}

export async function saveRole(role: Role, folder: string, options: RoleFolder): Promise<void> {
  if (options.kind === 'full') {
    await role.save(folder, { tokenizerFrom: options.tokenizerFrom })
    if (options.heads) await role.saveAdapter(join(folder, HEADS_FILE))
    return
  }
  await role.saveAdapter(folder)
}

/** Overwrites a role's adapters and heads with those of a folder; full weights are loaded as a model. */
export async function loadRole(
  role: Role,
  folder: string,
  { kind, heads }: Pick<RoleFolder, 'kind' | 'heads'>,
) {
  if (kind === 'lora') await role.loadAdapter(folder)
  else if (heads) await role.loadAdapter(join(folder, HEADS_FILE))
}

/** Moments, masters and step of every role, in one folder that only the latest checkpoint keeps. */
export async function saveOptimizers(roles: readonly Role[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const role of roles) await role.saveOptimizer(optimizerFile(folder, role))
}

/** Where a folder is missing, as in checkpoints of old, optimizers start anew. */
export async function loadOptimizers(roles: readonly Role[], folder: string): Promise<void> {
  for (const role of roles) {
    if (existsSync(optimizerFile(folder, role))) await role.loadOptimizer(optimizerFile(folder, role))
  }
}

function optimizerFile(folder: string, role: Pick<Role, 'name'>): string {
  return join(folder, `${role.name}.safetensors`)
}
