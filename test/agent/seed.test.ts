/** Seeds: the published SplitMix64 stream, and no two steps share one. */
import { expect, test } from 'vitest'
import { episodeSeed, mix64, stepSeed } from '../../lib/agent/seed.ts'

test('mix64 is SplitMix64: the published stream of seed 1234567', () => {
  // Reference values of splitmix64 seeded with 1234567 (Vigna's test vector).
  const GAMMA = 0x9e3779b97f4a7c15n
  const stream = [0n, 1n, 2n, 3n, 4n].map((i) => mix64((1234567n + i * GAMMA) & ((1n << 64n) - 1n)))
  expect(stream).toEqual([
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
    4593380528125082431n,
    16408922859458223821n,
  ])
})

test('every episode and step has a seed of its own', () => {
  const seeds = new Set<bigint>()
  for (const stage of ['phase-1', 'phase-2', 'test-1'])
    for (let i = 0; i < 50; i++) for (let t = 0; t < 15; t++) seeds.add(stepSeed(episodeSeed(1, stage, i), t))
  expect(seeds.size).toBe(3 * 50 * 15)
})
