/**
 * The safetensors reader refuses what the format forbids and what could mislead, and its writer is atomic.
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isNativeError } from '../../lib/native/errors.ts'
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '../../lib/native/safetensors.ts'
import { Tensor } from '../../lib/native/tensor.ts'
import { float32ToBfloat16 } from '../../lib/native/tensor-data.ts'
import { accepted, bytes, entry, file, rejected } from './safetensors-bytes.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-safetensors-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function put(content: Uint8Array): string {
  const path = join(folder, 'case.safetensors')
  writeFileSync(path, content)
  return path
}

async function failure(path: string): Promise<Error> {
  return readSafetensorsHeader(path).then(
    () => expect.fail('the file was accepted'),
    (error) => error as Error,
  )
}

describe('refused', () => {
  test.each(rejected)('%s', async (_name, content, says) => {
    const path = put(content)
    const error = await failure(path)
    expect(error.message).toMatch(says)
    expect(error.message.startsWith(`${path}: `)).toBe(true)
    expect(isNativeError(error, 'ERR_INVALID_ARGUMENT')).toBe(true)
  })

  test('a file that does not exist, with the code of its errno', async () => {
    expect(isNativeError(await failure(join(folder, 'absent')), 'ENOENT')).toBe(true)
  })

  test('a folder', async () => {
    expect((await failure(folder)).message).toMatch(/regular file/)
  })
})

describe('accepted', () => {
  test.each(accepted)('%s', async (_name, content, shapes) => {
    const path = put(content)
    const header = await readSafetensorsHeader(path)
    expect(Object.fromEntries(header.entries.map((row) => [row.name, row.shape]))).toEqual(shapes)
    const tensors = await readSafetensors(path)
    for (const [name, shape] of Object.entries(shapes)) expect(tensors.get(name)?.shape).toEqual(shape)
  })

  test('a metadata key called __proto__ stays a key', async () => {
    const header = await readSafetensorsHeader(put(file('{"__metadata__":{"__proto__":"x","format":"pt"}}')))
    expect(Object.entries(header.metadata).sort()).toEqual([
      ['__proto__', 'x'],
      ['format', 'pt'],
    ])
  })
})

describe('values', () => {
  const one: [dtype: string, content: Uint8Array, becomes: string, values: number[]][] = [
    ['F32', bytes(0, 0, 128, 63, 0, 0, 0, 192), 'float32', [1, -2]],
    ['F64', new Uint8Array(Float64Array.of(0.5, 1e300).buffer), 'float32', [0.5, Infinity]],
    ['F16', bytes(0, 60, 0, 192), 'float32', [1, -2]],
    ['BF16', bytes(128, 63, 0, 192), 'bfloat16', [0x3f80, 0xc000]],
    ['I32', bytes(1, 0, 0, 0, 255, 255, 255, 255), 'int32', [1, -1]],
    ['U8', bytes(7, 255), 'uint8', [7, 255]],
    ['BOOL', bytes(0, 2), 'uint8', [0, 1]],
  ]
  test.each(one)('%s', async (dtype, content, becomes, values) => {
    const path = put(file({ a: entry(dtype, [2], 0, content.length) }, content))
    const tensor = (await readSafetensors(path)).get('a')
    expect(tensor?.dtype).toBe(becomes)
    expect(Array.from(tensor?.data ?? [])).toEqual(values)
  })

  test('misaligned data', async () => {
    const path = put(file({ a: entry('U8', [1], 0, 1), b: entry('F32', [1], 1, 5) }, bytes(9, 0, 0, 128, 63)))
    const tensors = await readSafetensors(path, ['b'])
    expect(Array.from(tensors.get('b')?.data ?? [])).toEqual([1])
  })

  test('a dtype with no form here, and a name that is absent, are named', async () => {
    const path = put(file({ a: entry('F8_E4M3', [1], 0, 1) }, bytes(1)))
    await expect(readSafetensors(path, ['a'])).rejects.toThrow(/'a' has dtype F8_E4M3/)
    await expect(readSafetensors(path, ['b'])).rejects.toThrow(/has no tensor 'b'/)
  })
})

describe('damage', () => {
  const header = { __metadata__: { k: 'v' }, a: entry('F32', [2, 2], 0, 16), b: entry('U8', [3], 16, 19) }
  const whole = file(
    header,
    Uint8Array.from({ length: 19 }, (_, i) => i),
  )

  test('a truncation at every byte is refused', async () => {
    for (let length = 0; length < whole.length; length++) {
      await expect(readSafetensorsHeader(put(whole.subarray(0, length))), `${length} bytes`).rejects.toThrow()
    }
    expect((await readSafetensorsHeader(put(whole))).entries).toHaveLength(2)
  })

  test('any byte changed gives a consistent header or a sentence, never a crash', async () => {
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const damaged = whole.slice()
        for (const [at, value] of changes) damaged[at] = value
        await readOrRefuse(put(damaged), damaged.length)
      }),
      { numRuns: 500 },
    )
  })

  test('arbitrary header text too', async () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"dtype"',
      '"U8"',
      '"shape"',
      '"data_offsets"',
      '0',
      '1',
      '-1',
      '1e9',
      ' ',
      '"__metadata__"',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(token, { maxLength: 40 }), fc.nat(4), async (tokens, count) => {
        const content = file(`{${tokens.join('')}`, new Uint8Array(count))
        await readOrRefuse(put(content), content.length)
      }),
      { numRuns: 500 },
    )
  })
})

async function readOrRefuse(path: string, fileBytes: number): Promise<void> {
  try {
    const { entries } = await readSafetensorsHeader(path)
    let covered = 0
    for (const row of entries) {
      expect(row.begin).toBe(covered)
      covered = row.end
    }
    expect(covered).toBeLessThanOrEqual(fileBytes - 8)
  } catch (error) {
    if (!isNativeError(error, 'ERR_INVALID_ARGUMENT')) throw error
    expect(error.message).toMatch(/^\S+: not a valid safetensors file: /)
  }
}

describe('writing', () => {
  test('round trip of every dtype, with metadata, aligned, in the order of falling width', async () => {
    const path = join(folder, 'all.safetensors')
    const values = Float32Array.of(1, -2.5, 3e-3, NaN)
    await writeSafetensors(
      path,
      [
        ['bytes', Tensor.from('uint8', Uint8Array.of(1, 2, 3))],
        ['half', Tensor.from('bfloat16', float32ToBfloat16(values), [2, 2])],
        ['"quoted"\n', Tensor.from('float32', values, [4, 1])],
        ['scalar', Tensor.from('int32', Int32Array.of(-7), [])],
        ['none', Tensor.zeros('float32', [0, 3])],
      ],
      { metadata: { format: 'pt', 'a\tkey': 'é\u0001' } },
    )
    const header = await readSafetensorsHeader(path)
    expect({ ...header.metadata }).toEqual({ format: 'pt', 'a\tkey': 'é\u0001' })
    expect(header.entries.map((row) => row.dtype)).toEqual(['F32', 'I32', 'F32', 'BF16', 'U8'])
    expect(Number(readFileSync(path).readBigUInt64LE()) % 8).toBe(0)
    const tensors = await readSafetensors(path)
    expect(tensors.get('"quoted"\n')?.data).toEqual(values)
    expect(tensors.get('"quoted"\n')?.shape).toEqual([4, 1])
    expect(tensors.get('half')?.data).toEqual(float32ToBfloat16(values))
    expect(tensors.get('bytes')?.data).toEqual(Uint8Array.of(1, 2, 3))
    expect(tensors.get('scalar')?.data).toEqual(Int32Array.of(-7))
    expect(tensors.get('none')?.shape).toEqual([0, 3])
  })

  test('replaces a file whole and leaves nothing beside it', async () => {
    const path = join(folder, 'twice.safetensors')
    await writeSafetensors(path, [['a', Tensor.from('uint8', Uint8Array.of(1))]])
    await writeSafetensors(path, [['a', Tensor.from('uint8', Uint8Array.of(2, 3))]])
    expect((await readSafetensors(path)).get('a')?.data).toEqual(Uint8Array.of(2, 3))
    expect(readdirSync(folder).filter((name) => name.includes('.writing-'))).toEqual([])
  })

  test('an aborted write keeps the old file and leaves nothing beside it', async () => {
    const path = join(folder, 'aborted.safetensors')
    await writeSafetensors(path, [['a', Tensor.from('uint8', Uint8Array.of(1))]])
    const abort = new AbortController()
    const big = Tensor.zeros('uint8', [1 << 29])
    const writing = writeSafetensors(path, [['a', big]], { signal: abort.signal })
    while (!readdirSync(folder).some((name) => name.startsWith('aborted.safetensors.writing-'))) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    abort.abort(new Error('changed my mind'))
    await expect(writing).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ERR_ABORTED',
      cause: { message: 'changed my mind' },
    })
    expect((await readSafetensors(path)).get('a')?.data).toEqual(Uint8Array.of(1))
    expect(readdirSync(folder).filter((name) => name.includes('.writing-'))).toEqual([])
    big.dispose()
  })

  test('errors name the path and leave nothing behind', async () => {
    const tensor = Tensor.zeros('uint8', [1])
    await expect(writeSafetensors(join(folder, 'no', 'such'), [['a', tensor]])).rejects.toMatchObject({
      code: 'ENOENT',
    })
    const closed = mkdtempSync(join(folder, 'closed-'))
    chmodSync(closed, 0o500)
    if (process.getuid?.() !== 0) {
      await expect(writeSafetensors(join(closed, 'x'), [['a', tensor]])).rejects.toMatchObject({
        code: 'EACCES',
      })
    }
    const path = join(folder, 'bad.safetensors')
    await expect(writeSafetensors(path, [['', tensor]])).rejects.toThrow(/not a name/)
    await expect(writeSafetensors(path, [['__metadata__', tensor]])).rejects.toThrow(/not a name/)
    await expect(
      writeSafetensors(path, [
        ['a', tensor],
        ['a', tensor],
      ]),
    ).rejects.toThrow(/two tensors are called 'a'/)
    await expect(readSafetensorsHeader(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
