/** Seeds derived from seeds: every episode and every step gets a stream of its own, in any order. */

const MASK = (1n << 64n) - 1n

/** SplitMix64's finaliser (Steele, Lea and Flood 2014): neighbouring inputs give unrelated outputs. */
export function mix64(value: bigint): bigint {
  let z = (value + 0x9e3779b97f4a7c15n) & MASK
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
  return z ^ (z >> 31n)
}

/** Sampling seed of one step of an episode. */
export function stepSeed(episodeSeed: bigint, step: number): bigint {
  return mix64(episodeSeed ^ mix64(BigInt(step) + 1n))
}

/** Sampling seed of the i-th episode of a stage of a run. */
export function episodeSeed(runSeed: number, stage: string, index: number): bigint {
  let h = mix64(BigInt(runSeed))
  for (const byte of new TextEncoder().encode(stage)) h = mix64(h ^ BigInt(byte))
  return mix64(h ^ BigInt(index))
}
