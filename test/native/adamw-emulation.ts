/**
 * The reduced-storage AdamW kernels once more, in JavaScript, from the words of native/kernels/adamw_*.h: Philox, the
 * rounding rule, the byte codes and the order of float32 operations. Shares no code with them; compares bit for bit.
 */
const f32 = Math.fround
// float64 holds the product of two float32 exactly; rounding the sum twice differs from once in about 1 of 2^29.
const fma = (a: number, b: number, c: number) => f32(a * b + c)
const view = new DataView(new ArrayBuffer(4))

export function floatBits(x: number): number {
  view.setFloat32(0, x)
  return view.getUint32(0)
}
export function bitsFloat(u: number): number {
  view.setUint32(0, u)
  return view.getFloat32(0)
}
export const widen = (bf16: number) => bitsFloat(bf16 * 65536)

function multiply(a: number, b: number): [high: number, low: number] {
  const product = BigInt(a) * BigInt(b)
  return [Number(product >> 32n), Number(product & 0xffffffffn)]
}

export function philox(counter: number[], seed: bigint): number[] {
  let [c0, c1, c2, c3] = counter as [number, number, number, number]
  let k0 = Number(seed & 0xffffffffn)
  let k1 = Number(seed >> 32n)
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = multiply(0xd2511f53, c0)
    const [h1, l1] = multiply(0xcd9e8d57, c2)
    ;[c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0]
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

export interface Key {
  seed: bigint
  parameter: number
  step: number
}

/** [weight, first, second] random 16 bits of every element. */
export function roundingBits(count: number, key: Key): [Uint16Array, Uint16Array, Uint16Array] {
  const bits: [Uint16Array, Uint16Array, Uint16Array] = [
    new Uint16Array(count),
    new Uint16Array(count),
    new Uint16Array(count),
  ]
  for (let group = 0; group * 8 < count; group++) {
    const words = [0, 1, 2].flatMap((block) => philox([group, block, key.parameter, key.step], key.seed))
    for (let e = 0; e < 8 && group * 8 + e < count; e++) {
      const word = words[e] as number
      bits[0][group * 8 + e] = word & 0xffff
      bits[1][group * 8 + e] = word >>> 16
      bits[2][group * 8 + e] = ((words[8 + (e >> 1)] as number) >>> (16 * (e % 2))) & 0xffff
    }
  }
  return bits
}

export function roundStochastic(x: number, random: number): number {
  const u = floatBits(x)
  if ((u & 0x7f800000) === 0x7f800000) return (u >>> 16) | ((u & 0x7fffff) === 0 ? 0 : 0x40)
  return Math.floor((u + random) / 65536) & 0xffff
}
export function roundNearest(x: number): number {
  const u = floatBits(x)
  return Math.floor((u + 0x7fff + ((u >>> 16) & 1)) / 65536) & 0xffff
}

/** Nearest bfloat16, ties away from zero, and the low 16 bits. */
export function splitFloat(x: number): [high: number, low: number] {
  const u = floatBits(x)
  return [Math.floor((u + 0x8000) / 65536) & 0xffff, u & 0xffff]
}
export const joinFloat = (high: number, low: number) =>
  bitsFloat((high * 65536 + low - (low < 0x8000 ? 0 : 0x10000)) >>> 0)

export interface Spec {
  beta1: number
  beta2: number
  eps: number
  weightDecay: number
}

/** One step of one element; returns [p, m, v] in float32. */
export function adamwElement(
  spec: Spec,
  lr: number,
  scale: number,
  step: number,
): (p: number, m: number, v: number, g: number) => [number, number, number] {
  const keep = f32(1 - lr * spec.weightDecay)
  const rate = f32(lr / (1 - spec.beta1 ** step))
  const root = f32(1 / Math.sqrt(1 - spec.beta2 ** step))
  const [b1, o1] = [f32(spec.beta1), f32(1 - spec.beta1)]
  const [b2, o2] = [f32(spec.beta2), f32(1 - spec.beta2)]
  return (p, m, v, g) => {
    const grad = f32(g * f32(scale))
    const first = fma(o1, grad, f32(b1 * m))
    const second = fma(f32(o2 * grad), grad, f32(b2 * v))
    const update = f32(first / fma(f32(Math.sqrt(second)), root, f32(spec.eps)))
    return [fma(-rate, update, f32(keep * p)), first, second]
  }
}

const FIRST_TOP = 127 ** 2
const SECOND_TOP = f32(255 ** 4)
export const decodeFirst = (code: number, scale: number) =>
  f32(f32(f32(Math.sign(code) * code * code) / FIRST_TOP) * scale)
export const decodeSecond = (code: number, scale: number) => f32(f32(f32(code ** 4) / SECOND_TOP) * scale)

export function encodeFirst(x: number, scale: number, random: number): number {
  if (!(scale > 0)) return 0
  const t = f32(Math.abs(x) / scale)
  let c = Math.min(126, Math.floor(f32(Math.sqrt(f32(t * FIRST_TOP)))))
  if (c > 0 && fma(t, FIRST_TOP, -c * c) < 0) c--
  const above = fma(t, FIRST_TOP, -c * c)
  if (f32(above * 65536) > f32((2 * c + 1) * random)) c++
  return x < 0 ? -c : c
}
export function encodeSecond(x: number, scale: number, random: number): number {
  if (!(scale > 0) || !(x > 0)) return 0
  const t = f32(x / scale)
  let c = Math.min(254, Math.floor(f32(Math.sqrt(f32(Math.sqrt(f32(t * SECOND_TOP)))))))
  if (c > 0 && fma(t, SECOND_TOP, -f32(c ** 4)) < 0) c--
  const above = fma(t, SECOND_TOP, -f32(c ** 4))
  if (f32(above * 65536) > f32(f32((c + 1) ** 4 - c ** 4) * random)) c++
  return Math.max(c, 1)
}

/** A tensor's state under one of the modes; `weight` holds bfloat16 bits. */
export interface Stored {
  weight: Uint16Array
  low: Uint16Array
  first: Uint16Array | Int8Array
  second: Uint16Array | Uint8Array
  firstScale: Float32Array
  secondScale: Float32Array
}

export function emptyState(mode: 'stochastic' | 'split' | 'int8', weight: Uint16Array): Stored {
  const count = weight.length
  const blocks = mode === 'int8' ? Math.ceil(count / 256) : 0
  return {
    weight: weight.slice(),
    low: new Uint16Array(mode === 'split' ? count : 0),
    first: mode === 'int8' ? new Int8Array(count) : new Uint16Array(count),
    second: mode === 'int8' ? new Uint8Array(count) : new Uint16Array(count),
    firstScale: new Float32Array(blocks),
    secondScale: new Float32Array(blocks),
  }
}

/** One optimizer step, in place. */
export function advance(
  mode: 'stochastic' | 'split' | 'int8',
  state: Stored,
  gradient: ArrayLike<number>,
  spec: Spec,
  how: { lr: number; scale: number; key: Key },
): void {
  const count = state.weight.length
  const element = adamwElement(spec, how.lr, how.scale, how.key.step)
  const [forWeight, forFirst, forSecond] = roundingBits(count, how.key)
  const first = new Float32Array(count)
  const second = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const block = i >> 8
    const p = joinFloat(state.weight[i] as number, mode === 'split' ? (state.low[i] as number) : 0)
    const m =
      mode === 'int8'
        ? decodeFirst(state.first[i] as number, state.firstScale[block] as number)
        : widen(state.first[i] as number)
    const v =
      mode === 'int8'
        ? decodeSecond(state.second[i] as number, state.secondScale[block] as number)
        : widen(state.second[i] as number)
    const [x, mNew, vNew] = element(p, m, v, gradient[i] as number)
    first[i] = mNew
    second[i] = vNew
    if (mode === 'split') {
      const [high, low] = splitFloat(x)
      state.weight[i] = high
      state.low[i] = low
    } else state.weight[i] = roundStochastic(x, forWeight[i] as number)
  }
  for (let block = 0; block < state.firstScale.length; block++) {
    const [begin, end] = [block * 256, block * 256 + 256]
    state.firstScale[block] = first.subarray(begin, end).reduce((top, x) => Math.max(top, Math.abs(x)), 0)
    state.secondScale[block] = second.subarray(begin, end).reduce((top, x) => Math.max(top, x), 0)
  }
  for (let i = 0; i < count; i++) {
    const [m, v] = [first[i] as number, second[i] as number]
    const [r1, r2] = [forFirst[i] as number, forSecond[i] as number]
    const block = i >> 8
    state.first[i] =
      mode === 'int8' ? encodeFirst(m, state.firstScale[block] as number, r1) : roundStochastic(m, r1)
    state.second[i] =
      mode === 'int8' ? encodeSecond(v, state.secondScale[block] as number, r2) : roundStochastic(v, r2)
  }
}
