/**
 * Tensor: shared memory, its length, its end, and its price in V8's accounts.
 */
import { MessageChannel } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadNative } from '../../lib/native/loader.ts'
import { Tensor } from '../../lib/native/tensor.ts'
import { bfloat16ToFloat32, float32ToBfloat16 } from '../../lib/native/tensor-data.ts'
import { scope } from '../../lib/native/tensor-scope.ts'
import type { DType, NativeTensor } from '../../lib/native/types.ts'

const addon = loadNative()

describe('memory', () => {
  test('data is one view of native memory, the same at every call', () => {
    using tensor = Tensor.zeros('float32', [2, 3])
    expect(tensor.data).toEqual(new Float32Array(6))
    expect(tensor.data).toBe(tensor.data)
    expect(tensor.data.buffer).toBe(tensor.handle.buffer())
    tensor.data[4] = 7
    expect(new Float32Array(tensor.handle.buffer())[4]).toBe(7)
    expect([tensor.length, tensor.bytes, tensor.shape, tensor.dtype]).toEqual([6, 24, [2, 3], 'float32'])
  })

  test('from copies; borrow does not', () => {
    const source = Int32Array.of(1, 2, 3)
    using copy = Tensor.from('int32', source)
    using loan = Tensor.borrow('int32', source, [3, 1])
    source[0] = 9
    expect(copy.data[0]).toBe(1)
    expect(loan.data).toBe(source)
    new Int32Array(loan.handle.buffer())[1] = 8
    expect(source).toEqual(Int32Array.of(9, 8, 3))
  })

  test('a borrowed array outlives its tensor', () => {
    const source = Float32Array.of(1, 2)
    Tensor.borrow('float32', source).dispose()
    expect(source).toEqual(Float32Array.of(1, 2))
  })

  test('a view into the middle of a buffer', () => {
    const pool = new Uint8Array(64)
    using loan = Tensor.borrow('float32', new Float32Array(pool.buffer, 16, 2))
    new Float32Array(loan.handle.buffer()).set([1, 2])
    expect(new Float32Array(pool.buffer)[4]).toBe(1)
    expect(new Float32Array(pool.buffer)[3]).toBe(0)
  })

  test('a borrowed buffer can no longer be transferred away under the tensor', () => {
    const source = new Float32Array(4)
    using loan = Tensor.borrow('float32', source)
    const { port1, port2 } = new MessageChannel()
    try {
      port1.postMessage(source, [source.buffer])
    } catch {
      // newer Nodes throw, Node 20 copies
    }
    port1.close()
    port2.close()
    expect(source.length).toBe(4)
    expect(loan.disposed).toBe(false)
  })

  test.each<[DType, number]>([
    ['float32', 4],
    ['int32', 4],
    ['bfloat16', 2],
    ['uint8', 1],
  ])('%s has %i bytes an element', (dtype, size) => {
    using tensor = Tensor.zeros(dtype, [5])
    expect(tensor.data.BYTES_PER_ELEMENT).toBe(size)
    expect(tensor.bytes).toBe(5 * size)
  })

  test('no elements, and none of rank', () => {
    using empty = Tensor.zeros('float32', [0, 4])
    using scalar = Tensor.from('float32', Float32Array.of(3), [])
    expect([empty.data.length, empty.bytes, scalar.data[0], scalar.shape]).toEqual([0, 0, 3, []])
  })
})

describe('dispose', () => {
  test('empties the views, is idempotent, and later use is an error that says so', () => {
    const tensor = Tensor.from('float32', Float32Array.of(1, 2))
    const { data } = tensor
    tensor.dispose()
    tensor.dispose()
    expect([data.length, data.buffer.byteLength, tensor.disposed]).toEqual([0, 0, true])
    expect(() => tensor.data).toThrow(/float32 tensor \[2\] was disposed/)
    expect(() => tensor.handle).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
    expect(tensor.bytes).toBe(8)
  })

  test('a disposed handle is refused by verbs', async () => {
    const handle = addon.createTensor('uint8', [1])
    handle.dispose()
    expect(() => handle.buffer()).toThrow(/was disposed/)
    expect(() => addon.safetensorsWrite('unused', [{ name: 'a', tensor: handle }], {})).toThrow(
      /tensors\[0\].tensor: the tensor was disposed/,
    )
  })

  test('using disposes at the end of the block', () => {
    let outer: Tensor
    {
      using inner = Tensor.zeros('uint8', [1])
      outer = inner
    }
    expect(outer.disposed).toBe(true)
  })

  test('scope keeps what it returns and disposes the rest, also when it throws', () => {
    const made: Tensor[] = []
    const make = () => {
      const tensor = Tensor.zeros('uint8', [1])
      made.push(tensor)
      return tensor
    }
    const kept = scope(() => {
      make()
      const inner = scope(() => ({ a: make(), b: make() }))
      return [inner.a]
    })
    expect(made.map((tensor) => tensor.disposed)).toEqual([true, false, true])
    expect(kept[0]).toBe(made[1])
    expect(() =>
      scope(() => {
        make()
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(made[3]?.disposed).toBe(true)
    expect(() => scope(async () => {})).toThrow(/synchronous/)
    kept[0]?.dispose()
  })
})

describe('accounts', () => {
  test('externalBytes is exactly what ArrayBuffers hold', () => {
    const before = addon.externalBytes()
    const tensors = [100, 1, 4096].map((size) => Tensor.zeros('float32', [size]))
    expect(addon.externalBytes()).toBe(before)
    for (const tensor of tensors) void tensor.data
    expect(addon.externalBytes()).toBe(before + 4 * 4197)
    tensors[2]?.dispose()
    expect(addon.externalBytes()).toBe(before + 4 * 101)
    for (const tensor of tensors) tensor.dispose()
    expect(addon.externalBytes()).toBe(before)
  })

  test('V8 counts a buffer once, while it lives', () => {
    const tensor = Tensor.zeros('uint8', [64 << 20])
    const before = process.memoryUsage().external
    void tensor.data
    const during = process.memoryUsage().external
    tensor.dispose()
    const after = process.memoryUsage().external
    // Whatever else comes and goes is far smaller.
    expect(Math.abs(during - before - (64 << 20))).toBeLessThan(8 << 20)
    expect(Math.abs(after - before)).toBeLessThan(8 << 20)
  })
})

describe('limits and arguments', () => {
  test('more than an ArrayBuffer can hold is refused before it is tried', async () => {
    const { constants } = await import('node:buffer')
    if (constants.MAX_LENGTH > 2 ** 33) return expect(constants.MAX_LENGTH).toBeGreaterThan(2 ** 33)
    // Zero pages cost nothing until they are written.
    const tensor = addon.createTensor('uint8', [constants.MAX_LENGTH + 1])
    expect(() => tensor.buffer()).toThrow(
      /has 4294967297 bytes but an ArrayBuffer of this Node holds 4294967296/,
    )
    tensor.dispose()
  })

  const wrong: [name: string, make: () => NativeTensor, says: RegExp][] = [
    [
      'dtype',
      () => addon.createTensor('float64' as DType, [1]),
      /dtype: expected 'float32', 'bfloat16', 'int32' or 'uint8', got string 'float64'/,
    ],
    ['shape', () => addon.createTensor('uint8', 3 as never), /shape: expected an array, got number 3/],
    ['negative', () => addon.createTensor('uint8', [2, -1]), /shape\[1\]: expected an integer from 0/],
    ['fraction', () => addon.createTensor('uint8', [1.5]), /shape\[0\]: expected an integer/],
    ['overflow', () => addon.createTensor('uint8', [2 ** 40, 2 ** 40]), /more than 2\^53 elements/],
    [
      'too few bytes',
      () => addon.createTensor('float32', [3], new Float32Array(2)),
      /data: expected 12 bytes for this shape of float32, got 8/,
    ],
    [
      'no view',
      () => addon.createTensor('float32', [1], [1] as never),
      /data: expected a typed array or DataView, got array of 1/,
    ],
    [
      'misaligned',
      () => addon.borrowTensor('float32', [1], new DataView(new ArrayBuffer(8), 1, 4)),
      /multiple of 4/,
    ],
    [
      'shared',
      () => addon.borrowTensor('uint8', [4], new Uint8Array(new SharedArrayBuffer(4))),
      /shared memory can only be copied/,
    ],
    ['resizable', () => addon.borrowTensor('uint8', [4], resizable()), /fixed length/],
  ]
  function resizable(): Uint8Array {
    const Resizable = ArrayBuffer as unknown as new (
      bytes: number,
      options: { maxByteLength: number },
    ) => ArrayBuffer
    return new Uint8Array(new Resizable(4, { maxByteLength: 8 }))
  }
  test.each(wrong)('%s', (_name, make, says) => {
    expect(make).toThrow(says)
  })

  test('objects that only look like handles are refused, not crashed on', () => {
    const handle = addon.createTensor('uint8', [1])
    const fake = Object.create(Object.getPrototypeOf(handle))
    expect(() => addon.safetensorsWrite('unused', [{ name: 'a', tensor: fake }], {})).toThrow(
      /expected a NativeTensor/,
    )
    expect(() => handle.buffer.call({} as NativeTensor)).toThrow()
    expect(() => new (handle.constructor as new () => unknown)()).toThrow(/to be made by createTensor/)
    expect(() => addon.safetensorsWrite('unused', [], {}, {} as never)).toThrow(
      /cancel: expected a CancelToken/,
    )
  })
})

test('bfloat16 rounds to nearest even and comes back exactly', () => {
  expect(
    Array.from(float32ToBfloat16(Float32Array.of(1, -2, 1.00390625, 1.01171875, NaN, Infinity))),
  ).toEqual([0x3f80, 0xc000, 0x3f80, 0x3f82, 0x7fc0, 0x7f80])
  fc.assert(
    fc.property(fc.uint16Array({ minLength: 1 }), (bits) => {
      const values = bfloat16ToFloat32(bits)
      const back = float32ToBfloat16(values)
      values.forEach((value, i) => {
        if (Number.isNaN(value)) expect((back[i] ?? 0) & 0x7fff).toBeGreaterThan(0x7f80)
        else expect(back[i]).toBe(bits[i])
      })
    }),
  )
})
