/**
 * The engine: order, cancellation, errors with the caller's stack, and ends of every kind in the middle of verbs.
 * Each way of ending runs in a child process, since what is tested is that the process does not crash.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withCancel } from '../../lib/native/cancel.ts'
import { isAbortError, isNativeError } from '../../lib/native/errors.ts'
import { addonPath, loadNative } from '../../lib/native/loader.ts'
import { writeSafetensors } from '../../lib/native/safetensors.ts'
import { Tensor } from '../../lib/native/tensor.ts'

const addon = loadNative()
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-engine-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  out: string
  err: string
}

function child(script: string, flags: string[] = [], args: string[] = []): Promise<Ended> {
  const path = fileURLToPath(new URL(`./children/${script}.mjs`, import.meta.url))
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [...flags, path, addonPath(), folder, ...args], {
      timeout: 120_000,
    })
    const ended = { out: '', err: '' }
    running.stdout.on('data', (chunk) => (ended.out += chunk))
    running.stderr.on('data', (chunk) => (ended.err += chunk))
    running.on('error', reject)
    running.on('close', (code, signal) => resolve({ code, signal, ...ended }))
  })
}

describe('info', () => {
  test('says what is loaded and from where', () => {
    const info = addon.info()
    expect(info.torch.split('.').slice(0, 2)).toEqual(info.torchHeaders.split('.').slice(0, 2))
    expect(info.libtorchPath).toMatch(/libtorch_cpu\.(so|dylib)/)
    expect(info.napi).toBeGreaterThanOrEqual(9)
    expect(info.cuda.available).toBe(info.cuda.kernels && info.cuda.devices.length > 0)
  })

  test('setThreads takes effect where the work is done', async () => {
    const before = addon.info().cpu.threads
    await addon.setThreads(1)
    expect(addon.info().cpu.threads).toBe(1)
    await addon.setThreads(before)
    expect(() => addon.setThreads(0)).toThrow(/count: expected an integer from 1 to 4096, got 0/)
    expect(() => addon.setThreads('2' as never)).toThrow(/count: expected a number, got string '2'/)
  })
})

describe('verbs', () => {
  test('settle in the order they were called', async () => {
    const order: number[] = []
    const path = join(folder, 'order')
    const big = Tensor.zeros('uint8', [16 << 20])
    await Promise.all([
      writeSafetensors(path, [['a', big]]).then(() => order.push(0)),
      addon.safetensorsHeader(path).then((header) => order.push(header.entries.length)),
      addon.safetensorsHeader(join(folder, 'absent')).catch(() => order.push(2)),
      addon.setThreads(addon.info().cpu.threads).then(() => order.push(3)),
    ])
    expect(order).toEqual([0, 1, 2, 3])
    big.dispose()
  })

  test('a tensor may be disposed while a verb uses it', async () => {
    const path = join(folder, 'disposed')
    const tensor = Tensor.from('uint8', new Uint8Array(4 << 20).fill(3))
    const writing = writeSafetensors(path, [['a', tensor]])
    tensor.dispose()
    await writing
    const [row] = await addon.safetensorsRead(path, ['a'])
    expect(new Uint8Array(row?.tensor.buffer() ?? new ArrayBuffer(0)).every((value) => value === 3)).toBe(
      true,
    )
  })

  test('never block the event loop', async () => {
    const big = Tensor.zeros('uint8', [128 << 20])
    let turns = 0
    let settled = false
    const writing = writeSafetensors(join(folder, 'loop'), [['a', big]]).finally(() => (settled = true))
    while (!settled) {
      turns++
      await new Promise((resolve) => setImmediate(resolve))
    }
    await writing
    expect(turns).toBeGreaterThan(10)
    big.dispose()
  })
})

describe('errors', () => {
  test('carry code, verb and the stack of the caller, from before the await', async () => {
    async function callerOfTheVerb(): Promise<void> {
      await addon.safetensorsHeader('/no/such/file')
    }
    const error = await callerOfTheVerb().then(
      () => expect.fail('resolved'),
      (reason) => reason as Error,
    )
    if (!isNativeError(error)) throw error
    expect([error.code, error.verb, error.name]).toEqual(['ENOENT', 'safetensorsHeader', 'Error'])
    expect(error.stack).toMatch(
      /^Error: cannot open \/no\/such\/file: .+\n {4}at callerOfTheVerb .*engine\.test\.ts/,
    )
    expect(Object.keys(error).sort()).toEqual(['code', 'verb'])
  })

  test('keep the class that fits', async () => {
    const error = await addon.safetensorsHeader(folder).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).stack).toMatch(/^TypeError: .*regular file/)
  })

  test('wrong arguments are thrown at once', () => {
    expect(() => addon.safetensorsHeader(3 as never)).toThrow(/path: expected a string, got number 3/)
    expect(() => addon.safetensorsRead('x', 'a' as never)).toThrow(/names: expected an array, got string 'a'/)
    expect(() => addon.safetensorsRead('x', [1] as never)).toThrow(
      /names\[0\]: expected a string, got number 1/,
    )
  })
})

describe('abort', () => {
  const write = (name: string, size: number, signal: AbortSignal) =>
    writeSafetensors(join(folder, name), [['a', Tensor.zeros('uint8', [size])]], { signal })

  test('before the call', async () => {
    const reason = new Error('too late')
    const error: unknown = await write('before', 1, AbortSignal.abort(reason)).catch((caught) => caught)
    expect(isAbortError(error)).toBe(true)
    expect(error).toMatchObject({
      name: 'AbortError',
      code: 'ERR_ABORTED',
      verb: 'safetensorsWrite',
      cause: reason,
    })
    expect((error as Error).stack).toMatch(/^AbortError: the operation was aborted\n {4}at /)
    await expect(addon.safetensorsHeader(join(folder, 'before'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('while it waits behind another verb, and while it runs', async () => {
    const first = new AbortController()
    const second = new AbortController()
    const running = write('running', 1 << 29, first.signal)
    const waiting = write('waiting', 1, second.signal)
    second.abort()
    await new Promise((resolve) => setTimeout(resolve, 5))
    first.abort()
    await expect(running).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' })
  })

  test('after the end changes nothing, and no listener stays', async () => {
    const abort = new AbortController()
    let listeners = 0
    const { signal } = abort
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }) as typeof add
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }) as typeof remove
    await write('after', 1, signal)
    abort.abort()
    expect(listeners).toBe(0)
    expect((await addon.safetensorsHeader(join(folder, 'after'))).entries).toHaveLength(1)
  })

  test('an error of the verb itself passes unchanged', async () => {
    const failing = withCancel(addon, new AbortController().signal, () =>
      addon.safetensorsHeader('/no/such/file'),
    )
    const error: unknown = await failing.catch((caught) => caught)
    expect(isNativeError(error, 'ENOENT') && error.cause === undefined).toBe(true)
  })
})

describe('ends', () => {
  test('workers terminated in the middle of verbs, fifteen times', async () => {
    expect(await child('terminate')).toMatchObject({ code: 0, signal: null, out: 'alive\n' })
  }, 180_000)

  test('two workers share the engine while the main thread has no addon', async () => {
    expect(await child('workers')).toMatchObject({ code: 0, signal: null, out: 'alive\n' })
  }, 120_000)

  test.each<[how: string, code: number]>([
    ['exit', 7],
    ['kill-later', 8],
    ['throw', 1],
    ['idle', 0],
  ])(
    '%s in the middle of verbs',
    async (how, code) => {
      expect(await child('exit', [], [how])).toMatchObject({ code, signal: null })
    },
    120_000,
  )

  test('an outstanding promise keeps the process until it settles', async () => {
    expect(await child('exit', [], ['wait'])).toMatchObject({ code: 0, signal: null, out: 'settled\n' })
  }, 120_000)

  test.each<[how: string, code: number, out: string]>([
    ['exit', 7, ''],
    ['terminate', 0, 'alive\n'],
    ['abort', 0, 'alive\n'],
  ])(
    '%s in the middle of a training step',
    async (how, code, out) => {
      expect(await child('compute', [], [how])).toMatchObject({ code, signal: null, out, err: '' })
    },
    180_000,
  )

  test('memory lives as long as something can reach it', async () => {
    expect(await child('lifetime', ['--expose-gc'])).toMatchObject({ code: 0, signal: null, out: 'alive\n' })
  }, 180_000)
})
