/**
 * Seeded random numbers (sfc32): the same key always gives the same stream, and a fork depends on its label
 * alone, never on how many numbers were drawn before it.
 */
import type { Rng } from './kit.ts'

/** 128-bit non-cryptographic hash of a text (cyrb128), as four unsigned 32-bit words. */
export function hash128(text: string): [number, number, number, number] {
  let a = 1779033703
  let b = 3144134277
  let c = 1013904242
  let d = 2773480762
  for (let i = 0; i < text.length; i++) {
    const k = text.charCodeAt(i)
    a = b ^ Math.imul(a ^ k, 597399067)
    b = c ^ Math.imul(b ^ k, 2869860233)
    c = d ^ Math.imul(c ^ k, 951274213)
    d = a ^ Math.imul(d ^ k, 2716044179)
  }
  a = Math.imul(c ^ (a >>> 18), 597399067)
  b = Math.imul(d ^ (b >>> 22), 2869860233)
  c = Math.imul(a ^ (c >>> 17), 951274213)
  d = Math.imul(b ^ (d >>> 19), 2716044179)
  a ^= b ^ c ^ d
  return [a >>> 0, (b ^ a) >>> 0, (c ^ a) >>> 0, (d ^ a) >>> 0]
}

/** Uniform in [0,1), a fixed function of the text: what assigns a task to a split. */
export function hashUnit(text: string): number {
  return hash128(text)[0] / 2 ** 32
}

export function createRng(key: string): Rng {
  let [a, b, c, d] = hash128(key)
  const word = (): number => {
    const t = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    return t >>> 0
  }
  // sfc32 needs a few rounds before close seeds look unrelated.
  for (let i = 0; i < 12; i++) word()
  const int = (n: number): number => {
    if (!Number.isInteger(n) || n < 1) {
      throw new RangeError(`rng.int expects a whole number of at least 1, received ${n}`)
    }
    return Math.floor((word() / 2 ** 32) * n)
  }
  return {
    next: () => word() / 2 ** 32,
    int,
    pick: <T>(items: readonly T[]): T => {
      if (items.length === 0) throw new RangeError('rng.pick expects at least one item, received none')
      return items[int(items.length)] as T
    },
    shuffle: <T>(items: readonly T[]): T[] => {
      const out = items.slice()
      for (let i = out.length - 1; i > 0; i--) {
        const j = int(i + 1)
        const held = out[i] as T
        out[i] = out[j] as T
        out[j] = held
      }
      return out
    },
    fork: (label) => createRng(`${key}/${label}`),
  }
}
