/** Loading a model: straight and through buffers, its progress, its memory, and what stops it. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isNativeError } from '../../lib/native/errors.ts'
import { toHuggingFaceConfig } from '../../lib/native/gemma-config.ts'
import { countParameters, expectedTensors } from '../../lib/native/gemma-tensors.ts'
import { addonPath, loadNative } from '../../lib/native/loader.ts'
import { Gemma, loadBufferBytes } from '../../lib/native/model.ts'
import type { GemmaConfig } from '../../lib/native/types.ts'
import { fixture, tiny } from './gemma-kit.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'mira-load-'))

async function weightsOf(model: Gemma): Promise<Map<string, Float32Array>> {
  using role = await model.role({ name: 'r', kind: 'full' })
  const found = new Map<string, Float32Array>()
  for (const { name } of role.parameters()) found.set(name, (await role.parameter(name)).data)
  return found
}

describe('through buffers of any size', () => {
  let dir: string
  let whole: Map<string, Float32Array>
  beforeAll(async () => {
    dir = join(scratch(), 'model')
    await (await Gemma.random(tiny, { seed: 9, initStd: 0.3, dtype: 'bfloat16' })).save(dir, {
      maxShardBytes: 4000,
    })
    expect(readdirSync(dir).filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(3)
    whole = await weightsOf(await Gemma.load(dir, { dtype: 'bfloat16' }))
  })

  test('bfloat16 read as float32 is the same numbers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: 20_000 }), async (bufferBytes) => {
        using model = await Gemma.load(dir, { dtype: 'float32', bufferBytes })
        expect(await weightsOf(model)).toEqual(whole)
      }),
      { numRuns: 12 },
    )
  })
  test('float32 read as bfloat16 is rounded as saving rounds it', async () => {
    using exact = await Gemma.random(tiny, { seed: 10, initStd: 0.3 })
    const float = join(scratch(), 'float')
    await exact.save(float)
    const rounded = join(scratch(), 'rounded')
    await exact.save(rounded, { dtype: 'bfloat16' })
    using a = await Gemma.load(float, { dtype: 'bfloat16', bufferBytes: 100 })
    using b = await Gemma.load(rounded, { dtype: 'bfloat16' })
    expect(await weightsOf(a)).toEqual(await weightsOf(b))
  })
  test('too small a buffer is refused', async () => {
    await expect(Gemma.load(dir, { dtype: 'float32', bufferBytes: 4 })).rejects.toThrow(/bufferBytes/)
    expect(loadBufferBytes('cuda', {})).toBe(2 ** 28)
    expect(loadBufferBytes('cpu', { MIRA_LOAD_BUFFER: '65536' })).toBe(65536)
    expect(() => loadBufferBytes('cpu', { MIRA_LOAD_BUFFER: '1MB' })).toThrow(/MIRA_LOAD_BUFFER.*'1MB'/)
  })
})

test('float16 at odd offsets, beside tensors that are not read', async () => {
  // Multiples of 1/64, which every dtype holds exactly.
  const half = (value: number) => {
    if (value === 0) return 0
    const exponent = Math.floor(Math.log2(Math.abs(value)))
    return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | ((Math.abs(value) / 2 ** exponent - 1) * 1024)
  }
  const header: Record<string, unknown> = {
    'vision_tower.odd': { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
  }
  const values = new Map<string, Float32Array>()
  const parts = [Buffer.of(7)]
  let offset = 1
  for (const [i, { name, shape }] of expectedTensors(tiny).entries()) {
    const data = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, j) => (((i + 7 * j) % 129) - 64) / 64,
    )
    values.set(name, data)
    header[`model.${name}`] = { dtype: 'F16', shape, data_offsets: [offset, offset + 2 * data.length] }
    parts.push(Buffer.from(Uint16Array.from(data, half).buffer))
    offset += 2 * data.length
  }
  const dir = scratch()
  const config = toHuggingFaceConfig(tiny, { dtype: 'float32', tokens: { bos: 2, eos: [1], pad: 0 } })
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config))
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(join(dir, 'model.safetensors'), Buffer.concat([length, json, ...parts]))
  for (const dtype of ['float32', 'bfloat16'] as const) {
    using model = await Gemma.load(dir, { dtype, bufferBytes: 777 })
    expect(await weightsOf(model)).toEqual(values)
  }
})

test('progress counts every byte once and ends with all of them', async () => {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const seen: { done: number; total: number }[] = []
    using model = await Gemma.load(fixture('text'), { dtype, onProgress: (now) => seen.push(now) })
    const bytes = model.parameterCount * 4
    expect(seen.at(-1)).toEqual({ done: bytes, total: bytes })
  }
})

const middle: GemmaConfig = {
  ...tiny,
  vocab: 1024,
  hidden: 512,
  intermediate: 2048,
  layers: 8,
  headDim: 64,
  layerIsGlobal: Array(8).fill(true),
}

describe('a file that is written while it is read', () => {
  let dir: string
  beforeAll(async () => {
    dir = join(scratch(), 'model')
    await (await Gemma.random(middle, { dtype: 'bfloat16' })).save(dir)
  })

  test('is noticed', async () => {
    let loading = true
    const load = Gemma.load(dir, { dtype: 'float32', bufferBytes: 4096 }).finally(() => {
      loading = false
    })
    const outcome = expect(load).rejects.toThrow(
      /model\.safetensors: the file was changed while it was being read/,
    )
    for (let second = 1; loading; second++) {
      utimesSync(join(dir, 'model.safetensors'), second, second)
      await new Promise(setImmediate)
    }
    await outcome
  })
  test('or shortened', async () => {
    let loading = true
    const load = Gemma.load(dir, { dtype: 'float32', bufferBytes: 4096 }).finally(() => {
      loading = false
    })
    const outcome = expect(load).rejects.toThrow(
      /model\.safetensors: .*(became shorter|changed while|truncated)/,
    )
    const bytes = countParameters(middle)
    for (let cut = 0; loading; cut++) {
      truncateSync(join(dir, 'model.safetensors'), Math.max(10_000, bytes - cut * 100_000))
      await new Promise(setImmediate)
    }
    await outcome
  })
})

test('an aborted load rejects and leaves the engine at work', async () => {
  const dir = join(scratch(), 'model')
  await (await Gemma.random(middle, { dtype: 'bfloat16' })).save(dir)
  const controller = new AbortController()
  const load = Gemma.load(dir, {
    dtype: 'float32',
    bufferBytes: 4096,
    signal: controller.signal,
    onProgress: () => {},
  })
  setTimeout(() => controller.abort(), 1)
  await expect(load).rejects.toMatchObject({ name: 'AbortError' })
  expect((await Gemma.load(fixture('text'))).parameterCount).toBeGreaterThan(0)
})

/** A checkpoint of any size that takes no room on disk: a header and a hole. */
function sparse(config: GemmaConfig): string {
  const dir = scratch()
  writeFileSync(
    join(dir, 'config.json'),
    JSON.stringify(toHuggingFaceConfig(config, { dtype: 'bfloat16', tokens: { bos: 2, eos: [1], pad: 0 } })),
  )
  let offset = 0
  const header: Record<string, unknown> = {}
  for (const { name, shape } of expectedTensors(config)) {
    const bytes = 2 * shape.reduce((a, b) => a * b, 1)
    header[`model.${name}`] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes] }
    offset += bytes
  }
  const json = Buffer.from(JSON.stringify(header))
  const file = openSync(join(dir, 'model.safetensors'), 'w')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeSync(file, length)
  writeSync(file, json)
  ftruncateSync(file, 8 + json.length + offset)
  closeSync(file)
  return dir
}

test('a checkpoint larger than memory is refused before anything is allocated, with both figures', async () => {
  const huge = { ...tiny, vocab: 500_000_000, hidden: 2000, intermediate: 2000 }
  const bytes = 2 * countParameters(huge)
  const error = await Gemma.load(sparse(huge), { dtype: 'bfloat16' }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(isNativeError(error, 'ERR_OUT_OF_MEMORY')).toBe(true)
  expect((error as Error).message).toMatch(
    new RegExp(
      `model\\.safetensors: loading as bfloat16 needs ${bytes} bytes .* on 'cpu', where \\d+ .* are available; `,
    ),
  )
  await expect(Gemma.random(huge, { dtype: 'bfloat16' })).rejects.toThrow(/random model of .* needs/)
})

describe('devices', () => {
  const cuda = loadNative().info().cuda.available
  test.skipIf(cuda)('CUDA that is not there, in one sentence with its code', async () => {
    for (const load of [
      () => Gemma.load(fixture('text'), { device: 'cuda' }),
      () => Gemma.random(tiny, { device: 'cuda:1' }),
    ]) {
      const error = await load().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(isNativeError(error, 'ERR_CUDA_UNAVAILABLE')).toBe(true)
      expect((error as Error).message).toMatch(
        /^device 'cuda(:1)?' cannot be used: .*LibTorch 2\.\d+.*'cpu'\.$/,
      )
    }
  })
  test('a device that is none', async () => {
    for (const device of ['gpu', 'cuda:', 'cuda:x', 'cuda:-1', 'cuda:1x'])
      await expect(Gemma.load(fixture('text'), { device: device as 'cpu' })).rejects.toThrow(
        `got '${device}'`,
      )
  })
  test('what a model says of itself', async () => {
    expect((await Gemma.load(fixture('text'))).device).toBe('cpu')
  })
})

// 150 million parameters: 300 MB in bfloat16.
const large: GemmaConfig = {
  ...tiny,
  vocab: 32768,
  hidden: 1024,
  intermediate: 4096,
  layers: 8,
  heads: 4,
  kvHeads: 1,
  headDim: 256,
  layerIsGlobal: Array(8).fill(true),
}

describe.skipIf(process.platform !== 'linux')('peak memory of a process that loads 300 MB', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const child = join(root, 'test/native/children/load-peak.mjs')
  const run = (...args: string[]) =>
    JSON.parse(
      execFileSync(process.execPath, ['--import', 'tsx', child, ...args], {
        cwd: root,
        env: { ...process.env, MIRA_ADDON: addonPath() },
      }).toString(),
    )
  const dirs = { float32: '', bfloat16: '' }
  beforeAll(() => {
    for (const dtype of ['bfloat16', 'float32'] as const) {
      dirs[dtype] = join(scratch(), dtype)
      run('write', dirs[dtype], dtype, JSON.stringify(large))
    }
  }, 120_000)
  afterAll(() => {
    for (const dir of Object.values(dirs)) spawnSync('rm', ['-r', dir])
  })
  const size = 2 * countParameters(large)
  const SLACK = 48 * 2 ** 20

  test('as it is: the weights and nothing beside them', () => {
    const { grown } = run('load', dirs.bfloat16, 'bfloat16', String(16 * 2 ** 20), fixture('text'))
    expect(grown).toBeGreaterThan(size * 0.95)
    expect(grown).toBeLessThan(size + SLACK)
  }, 120_000)
  test('converted: the weights and two buffers', () => {
    const buffer = 16 * 2 ** 20
    const { grown } = run('load', dirs.float32, 'bfloat16', String(buffer), fixture('text'))
    expect(grown).toBeLessThan(size + 2 * buffer + SLACK)
  }, 120_000)
})
