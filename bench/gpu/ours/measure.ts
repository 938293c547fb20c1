/**
 * What both of mira's jobs need: seeded ids, a packed row, wall clock, peak memory, and the profile of one stretch
 * of work. Peak memory is the allocator's on a GPU and the process's resident peak (VmHWM) on the CPU.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { seededRandom } from '../../../lib/learn/random.ts'
import { loadNative } from '../../../lib/native/loader.ts'
import type { PackedBatch } from '../../../lib/native/types.ts'
import type { Entry } from '../record.ts'

/** `count` ids of ordinary tokens. */
export function tokens(seed: number, count: number, vocab: number): Int32Array {
  const random = seededRandom(seed)
  return Int32Array.from({ length: count }, () => 8 + random.int(vocab - 8))
}

/** Rows end to end; `scored(row)` gives the positions to score, by default all but each row's first. */
export function pack(
  rows: readonly Int32Array[],
  scoreFrom: readonly number[] = rows.map(() => 1),
): PackedBatch {
  const offsets = new Int32Array(rows.length + 1)
  rows.forEach((row, i) => {
    offsets[i + 1] = offsets[i]! + row.length
  })
  const ids = new Int32Array(offsets[rows.length]!)
  const scored: number[] = []
  rows.forEach((row, i) => {
    ids.set(row, offsets[i])
    for (let t = scoreFrom[i]!; t < row.length; t++) scored.push(offsets[i]! + t)
  })
  return { ids, offsets, scored: Int32Array.from(scored) }
}

export async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const start = performance.now()
  const value = await work()
  return { seconds: (performance.now() - start) / 1000, value }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const onGpu = (device: string) => device !== 'cpu'

/** Forgets the peak so far. The CPU's cannot be forgotten: there it is that of the whole process. */
export async function resetPeak(device: string): Promise<void> {
  if (onGpu(device)) await loadNative().memory({ device, resetPeak: true })
}

/** Gives cached memory back, so that the next attempt does not meet this one's fragments. */
export async function emptyCache(device: string): Promise<void> {
  if (onGpu(device)) await loadNative().emptyCache(device)
}

/** Bytes. */
export async function peakBytes(device: string): Promise<number> {
  if (onGpu(device)) return (await loadNative().memory({ device })).peakBytes
  return (
    1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN)
  )
}

/** The ten kernels (on a GPU) or ATen operations (on the CPU) that took longest during `work`. */
export async function profiled(work: () => Promise<unknown>): Promise<NonNullable<Entry['profile']>> {
  const addon = loadNative()
  await addon.profileStart()
  let rows: Awaited<ReturnType<typeof addon.profileStop>> = []
  try {
    await work()
  } finally {
    rows = await addon.profileStop()
  }
  return rows.sort((a, b) => b.seconds - a.seconds).slice(0, 10)
}
