/**
 * What the generation tests share: tiny random models, prompts, and references that use nothing of the
 * generator: the training forward, and Philox written again in JavaScript.
 */
import { expect } from 'vitest'
import { Generator, type GeneratorOptions } from '../../lib/native/generator.ts'
import { loadNative } from '../../lib/native/loader.ts'
import type { DType, GemmaConfig, GenerateResult, NativeModel, NativeRole } from '../../lib/native/types.ts'

/** Three layers, window 8, two query heads per key head; every size differs from the others. */
export const tiny: GemmaConfig = {
  vocab: 83,
  hidden: 48,
  layers: 3,
  heads: 4,
  kvHeads: 2,
  headDim: 20,
  intermediate: 72,
  slidingWindow: 8,
  maxPositions: 512,
  rmsEps: 1e-6,
  queryPreAttnScalar: 20,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 2,
  layerIsGlobal: [false, false, true],
}

/** initStd 0.12: neither a flat nor a peaked distribution, so that argmax, top-p and chi-square mean something. */
export function randomModel(dtype: DType = 'float32', config: GemmaConfig = tiny): Promise<NativeModel> {
  return loadNative().randomModel(config, { dtype, seed: 7n, initStd: 0.12, postNormGain: 1 })
}

export async function randomRole(dtype: DType = 'float32', config: GemmaConfig = tiny): Promise<NativeRole> {
  return (await randomModel(dtype, config)).role({ name: 'actor', kind: 'full' })
}

export function makeGenerator(role: NativeRole, options: Partial<GeneratorOptions> = {}): Generator {
  return Generator.of(role, { slots: 16, maxLength: 128, ...options })
}

/** A prompt of `length` ids that depends on `salt` only. */
export function prompt(length: number, salt = 0, vocab = tiny.vocab): number[] {
  return Array.from({ length }, (_, i) => (i * 31 + salt * 17 + ((i * i + salt) % 13)) % vocab)
}

export function packed(ids: readonly number[], from: number) {
  const scored = Array.from({ length: ids.length - from }, (_, i) => from + i)
  return { ids: Int32Array.from(ids), offsets: Int32Array.of(0, ids.length), scored: Int32Array.from(scored) }
}

export function floats(tensor: { buffer(): ArrayBuffer }): Float32Array {
  return new Float32Array(tensor.buffer())
}

/** Training log-probabilities of `sampled` after `ids`. */
export async function trainingLogprobs(
  role: NativeRole,
  ids: number[],
  sampled: Int32Array,
  temperature: number,
) {
  const batch = packed([...ids, ...sampled], ids.length)
  const { logprobs } = await role.logprobs(batch, { temperature, entropy: false, chunk: 64 })
  return floats(logprobs)
}

/** The training forward's logits after the last of `ids`, [V]. */
export async function lastLogits(
  role: NativeRole,
  ids: readonly number[],
  vocab = tiny.vocab,
): Promise<Float32Array> {
  const logits = floats(await role.logits(packed(ids, ids.length)))
  return logits.slice((ids.length - 1) * vocab)
}

export function argmax(x: Float32Array): number {
  return x.reduce((best, value, i) => (value > (x[best] as number) ? i : best), 0)
}

export function softmax(logits: Float32Array, temperature: number): number[] {
  const top = Math.max(...logits)
  const e = Array.from(logits, (x) => Math.exp((x - top) / temperature))
  const sum = e.reduce((a, b) => a + b, 0)
  return e.map((x) => x / sum)
}

export function expectClose(a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): void {
  expect(a.length).toBe(b.length)
  const worst = Math.max(0, ...Array.from(a, (x, i) => Math.abs(x - (b[i] as number))))
  expect(worst).toBeLessThanOrEqual(tolerance)
}

/** Same ids and, bit for bit, same log-probabilities. */
export function expectSame(a: GenerateResult, b: GenerateResult): void {
  expect([...a.ids]).toEqual([...b.ids])
  expect([...a.logprobs]).toEqual([...b.logprobs])
  expect([...a.samplingLogprobs]).toEqual([...b.samplingLogprobs])
  expect(a.stop).toBe(b.stop)
}

/** Philox4x32-10 (Salmon et al. 2011). */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint]
  let [k0, k1] = key.map(BigInt) as [bigint, bigint]
  const mask = 0xffff_ffffn
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0
    const p1 = 0xcd9e8d57n * c2
    ;[c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask]
    k0 = (k0 + 0x9e3779b9n) & mask
    k1 = (k1 + 0xbb67ae85n) & mask
  }
  return [c0, c1, c2, c3].map(Number)
}

/** The uniform that belongs to a position of a sequence: 53 bits of one Philox block. */
export function uniform(seed: bigint, position: number): number {
  const key = [Number(seed & 0xffff_ffffn), Number(seed >> 32n)]
  const [high = 0, low = 0] = philox([position, 0, 0, 0], key)
  return Number((BigInt(high) << 21n) ^ (BigInt(low) >> 11n)) / 2 ** 53
}
