// The arithmetic behind MFU against the independent figures of the design notes (operations per token of 12B at
// 8k, every token scored) and against a count pair by pair.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  datasheetPeak,
  executedFlops,
  forwardFlops,
  keyPairs,
  modelFlops,
  matrixParameters,
  type Pass,
} from '../../bench/gpu/flops.ts'
import { cut, SHAPES } from '../../bench/gpu/shapes.ts'
import type { Checkpointing } from '../../lib/native/types.ts'

test('matrices of 12B: 47,185,920 of attention and 176,947,200 of the MLP in each of 48 layers', () => {
  expect(matrixParameters(SHAPES['12b'])).toBe(48 * (47_185_920 + 176_947_200))
})

describe('12B at 8k, per token', () => {
  const tokens = 8192
  const forward = forwardFlops(SHAPES['12b'], [tokens], tokens)

  test('matrices, head and attention', () => {
    expect(forward.matrices / tokens / 1e9).toBeCloseTo(21.5, 1)
    expect(forward.head / tokens / 1e9).toBeCloseTo(2.0, 1)
    const globals = forwardFlops({ ...SHAPES['12b'], slidingWindow: 0 }, [tokens], 0).attention
    expect(globals / 6 / tokens / 1e9).toBeCloseTo(0.54, 2)
  })

  test.each<[Pass, Checkpointing, number]>([
    ['full', 'full', 99.6],
    ['full', 'selective', 76.8],
    ['lora', 'full', 76.0],
    ['lora', 'selective', 53.3],
    ['forward', 'none', 24.7],
  ])('%s pass, checkpointing %s: %d GFLOP', (pass, checkpointing, expected) => {
    const found = executedFlops(pass, checkpointing, forward) / tokens / 1e9
    expect(Math.abs(found / expected - 1)).toBeLessThan(0.005)
  })

  test('6,100 tokens/s of full fine-tuning at 4k are 45% of 989 TFLOP/s', () => {
    const perToken = modelFlops('full', forwardFlops(SHAPES['12b'], [4096], 4096)) / 4096
    expect((6100 * perToken) / datasheetPeak('NVIDIA H200')!).toBeCloseTo(0.45, 2)
  })
})

test('key pairs are what a loop over queries counts', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(80), (length, window) => {
      let pairs = 0
      for (let q = 0; q < length; q++) pairs += window === 0 ? q + 1 : Math.min(q + 1, window)
      expect(keyPairs(length, window)).toBe(pairs)
    }),
  )
})

test('a batch costs the sum of its rows, and more rows of one total cost less attention', () => {
  const c = SHAPES.tiny
  const [a, b, both] = [[64], [100], [64, 100]].map((lengths) => forwardFlops(c, lengths, 0))
  expect(both!.attention).toBe(a!.attention + b!.attention)
  expect(forwardFlops(c, [164], 0).attention).toBeGreaterThan(both!.attention)
})

test('cut keeps the first layers of the pattern', () => {
  const config = cut(SHAPES['12b'], 7)
  expect(config.layers).toBe(7)
  expect(config.layerIsGlobal).toEqual([false, false, false, false, false, true, false])
  expect(cut(SHAPES['12b'])).toBe(SHAPES['12b'])
})

test('peaks are known for the cards whose data sheet was read, and for no other', () => {
  expect(datasheetPeak('NVIDIA A100-SXM4-80GB')).toBe(311.9e12)
  expect(datasheetPeak('NVIDIA GeForce RTX 4090')).toBeUndefined()
})
