/** Shared by the Gemma tests: fixtures, batches, tolerances. */
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { readSafetensors } from '../../lib/native/safetensors.ts'
import type { GemmaConfig, PackedBatch } from '../../lib/native/types.ts'

export const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/gemma/${name}`, import.meta.url))

export async function tensors(path: string): Promise<Map<string, Float32Array | Int32Array>> {
  const map = new Map<string, Float32Array | Int32Array>()
  for (const [name, tensor] of await readSafetensors(path)) {
    map.set(name, tensor.data.slice() as Float32Array | Int32Array)
    tensor.dispose()
  }
  return map
}

export function floats(map: Map<string, Float32Array | Int32Array>, name: string): Float32Array {
  const found = map.get(name)
  if (!(found instanceof Float32Array)) throw new Error(`no float tensor ${name}`)
  return found
}

export function batchOf(map: Map<string, Float32Array | Int32Array>): PackedBatch {
  const ints = (name: string) => {
    const found = map.get(name)
    if (!(found instanceof Int32Array)) throw new Error(`no int tensor ${name}`)
    return found
  }
  return { ids: ints('ids'), offsets: ints('offsets'), scored: ints('scored') }
}

/** Largest difference over the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length)
  let worst = 0
  let scale = 1e-12
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number))
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY
    worst = Math.max(worst, difference)
    scale = Math.max(scale, Math.abs(expected[i] as number))
  }
  return worst / scale
}

export const tiny: GemmaConfig = {
  vocab: 61,
  hidden: 24,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 6,
  intermediate: 20,
  slidingWindow: 5,
  maxPositions: 64,
  rmsEps: 1e-6,
  queryPreAttnScalar: 6,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 1,
  layerIsGlobal: [false, true],
}

/** Sequences of the given lengths with ids from a fixed pattern; every token but the firsts is scored. */
export function batchOfLengths(lengths: number[], vocab = tiny.vocab, salt = 0): PackedBatch {
  const offsets = [0]
  for (const length of lengths) offsets.push((offsets.at(-1) as number) + length)
  const total = offsets.at(-1) as number
  const ids = Int32Array.from({ length: total }, (_, t) => (t * 31 + t * t * 7 + salt * 13 + 3) % vocab)
  const first = new Set(offsets)
  const scored = Int32Array.from({ length: total }, (_, t) => t).filter((t) => !first.has(t))
  return { ids, offsets: Int32Array.from(offsets), scored }
}

export const ones = (length: number) => new Float32Array(length).fill(1)
