/**
 * Seeded draws for shuffling and curricula: 32-bit integers from splitmix32, the same on every machine.
 * Not for sampling tokens (the native sampler has its own counter-based stream) and not for cryptography.
 */

export interface SeededRandom {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, n). */
  int(n: number): number
  /** In-place Fisher-Yates; returns its argument. */
  shuffle<A extends { length: number; [index: number]: unknown }>(items: A): A
}

/** Seeds mix through a 32-bit avalanche, so that neighbouring seeds give unrelated streams. */
export function seededRandom(...seeds: number[]): SeededRandom {
  let state = 0x9e3779b9
  for (const seed of seeds) state = avalanche(state ^ avalanche(seed >>> 0)) + 0x9e3779b9
  const uint = (): number => {
    state = (state + 0x9e3779b9) | 0
    return avalanche(state)
  }
  const next = () => uint() / 4294967296
  const int = (n: number) => Math.floor(next() * n)
  return {
    next,
    int,
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = int(i + 1)
        const held = items[i]
        items[i] = items[j]
        items[j] = held
      }
      return items
    },
  }
}

function avalanche(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}
