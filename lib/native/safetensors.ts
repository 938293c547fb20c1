/**
 * safetensors files as Tensors: strict header, reading by name, atomic writing. Runs on the engine thread.
 */
import { withCancel } from './cancel.ts'
import { loadNative } from './loader.ts'
import { Tensor } from './tensor.ts'
import type { SafetensorsEntry } from './types.ts'

export interface SafetensorsHeader {
  /** In the order of their bytes; `begin` and `end` count from the start of the data. */
  entries: SafetensorsEntry[]
  metadata: Record<string, string>
}

/** @throws an error that names the file and what is wrong with it */
export function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  return loadNative().safetensorsHeader(path)
}

/** Tensors by name (default: all). F64 and F16 come as float32, BOOL as uint8 of 0 and 1. */
export async function readSafetensors(path: string, names?: readonly string[]): Promise<Map<string, Tensor>> {
  const addon = loadNative()
  const wanted = names ?? (await addon.safetensorsHeader(path)).entries.map((entry) => entry.name)
  const rows = await addon.safetensorsRead(path, [...wanted])
  return new Map(rows.map((row) => [row.name, Tensor.adopt(row.tensor)]))
}

/** Writes beside `path`, syncs and renames: a reader sees the old file or the whole new one. */
export function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, Tensor]>,
  options: { metadata?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<void> {
  const addon = loadNative()
  const rows = Array.from(tensors, ([name, tensor]) => ({ name, tensor: tensor.handle }))
  return withCancel(addon, options.signal, (cancel) =>
    addon.safetensorsWrite(path, rows, options.metadata ?? {}, cancel),
  )
}
