/** memory() and emptyCache(): what the CPU's allocator counts while a model lives, and devices that are none. */
import { expect, test } from 'vitest'
import { loadNative } from '../../lib/native/loader.ts'
import { Gemma } from '../../lib/native/model.ts'
import type { GemmaConfig } from '../../lib/native/types.ts'
import { textParameters } from '../../lib/plan/parameters.ts'

const config: GemmaConfig = {
  vocab: 4096,
  hidden: 128,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 64,
  intermediate: 256,
  slidingWindow: 16,
  maxPositions: 64,
  rmsEps: 1e-6,
  queryPreAttnScalar: 64,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 1,
  layerIsGlobal: [false, true],
}
const memory = (resetPeak = false) => loadNative().memory({ device: 'cpu', resetPeak })

test('tensors are counted while they live, and the peak until it is reset', async () => {
  const bytes = 4 * textParameters(config)
  const before = await memory(true)
  expect(before).toMatchObject({ device: 'cpu', reservedBytes: before.allocatedBytes })
  expect(before.availableBytes).toBeGreaterThan(0)
  expect(before.availableBytes).toBeLessThanOrEqual(before.totalBytes)
  const model = await Gemma.random(config)
  const during = await memory()
  expect(during.allocatedBytes - before.allocatedBytes).toBeGreaterThanOrEqual(bytes)
  expect(during.allocatedBytes - before.allocatedBytes).toBeLessThan(bytes * 1.1)
  expect(during.peakBytes).toBeGreaterThanOrEqual(during.allocatedBytes)
  model.dispose()
  const after = await memory()
  expect(after.allocatedBytes).toBeLessThan(before.allocatedBytes + bytes * 0.1)
  expect((await memory(true)).peakBytes).toBe(during.peakBytes)
  expect((await memory()).peakBytes).toBeLessThan(during.peakBytes)
  await loadNative().emptyCache('cpu')
})

test('a device that is none, or not here, is named', async () => {
  const addon = loadNative()
  await expect(addon.memory({ device: 'gpu' })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/expected 'cpu', 'cuda' or 'cuda:N', got 'gpu'/),
  })
  if (!addon.info().cuda.available) {
    await expect(addon.emptyCache('cuda:0')).rejects.toMatchObject({ code: 'ERR_CUDA_UNAVAILABLE' })
  }
  expect(() => addon.memory({} as never)).toThrow(/options\.device/)
})
