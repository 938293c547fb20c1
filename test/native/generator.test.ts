/** Generation against the training forward, and a sequence's independence of everything beside it. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { GenerateOptions } from '../../lib/native/generator.ts'
import type { NativeRole } from '../../lib/native/types.ts'
import {
  argmax,
  expectClose,
  expectSame,
  lastLogits,
  makeGenerator,
  prompt,
  randomModel,
  randomRole,
  trainingLogprobs,
} from './generation-kit.ts'

let role: NativeRole
beforeAll(async () => {
  role = await randomRole()
})

const request = (salt: number, extra: Partial<GenerateOptions> = {}): GenerateOptions => ({
  ids: prompt(5 + (salt % 23), salt),
  maxNewTokens: 40,
  temperature: 0.9,
  seed: BigInt(salt) + (1n << 40n),
  ...extra,
})

describe.each(['packed', 'slots'] as const)('%s decoder', (decoder) => {
  test.each([
    ['short prompt, past the window', 3, 64],
    ['prompt longer than the window', 37, 64],
  ])('log-probabilities are those of training: %s', async (_, length, maxNewTokens) => {
    const generator = makeGenerator(role, { decoder })
    const ids = prompt(length)
    const result = await generator.generate({ ids, maxNewTokens, temperature: 0.8, seed: 3n })
    expect(result.ids).toHaveLength(maxNewTokens)
    expect(result.stop).toBe('length')
    expectClose(result.logprobs, await trainingLogprobs(role, ids, result.ids, 0.8), 1e-4)
    expect([...result.samplingLogprobs]).toEqual([...result.logprobs])
  })

  test('greedy decoding takes the argmax of the full forward at every step, across the wrap of the ring', async () => {
    const generator = makeGenerator(role, { decoder, prefillChunk: 5 })
    const ids = prompt(6, 2)
    const result = await generator.generate({ ids, maxNewTokens: 64, temperature: 0 })
    for (let i = 0; i < result.ids.length; i++) {
      const logits = await lastLogits(role, [...ids, ...result.ids.slice(0, i)])
      expect(result.ids[i]).toBe(argmax(logits))
    }
    expect(result.samplingLogprobs.every((x) => x === 0)).toBe(true)
    expectClose(result.logprobs, await trainingLogprobs(role, ids, result.ids, 1), 1e-4)
  })

  test('bfloat16 weights: log-probabilities agree with training to the precision of the format', async () => {
    const half = await randomRole('bfloat16')
    const ids = prompt(21)
    const result = await makeGenerator(half, { decoder }).generate({ ids, maxNewTokens: 48, seed: 1n })
    const training = await trainingLogprobs(half, ids, result.ids, 1)
    const gaps = Array.from(training, (x, i) => Math.abs(x - (result.logprobs[i] as number)))
    expect(gaps.reduce((a, b) => a + b, 0) / gaps.length).toBeLessThan(0.03)
  })

  test('LoRA roles generate with their adapters, and new weights show after invalidate', async () => {
    const model = await randomModel()
    const adapted = await model.role({ name: 'lora', kind: 'lora', lora: { rank: 3, alpha: 6, seed: 5 } })
    const generator = makeGenerator(adapted, { decoder })
    const ids = prompt(12)
    const before = await generator.generate({ ids, maxNewTokens: 20, temperature: 0, session: 1 })
    adapted.configureOptimizer({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 })
    const sequence = Int32Array.from([...ids, ...prompt(10, 9)])
    const batch = {
      ids: sequence,
      offsets: Int32Array.of(0, 22),
      scored: Int32Array.from({ length: 21 }, (_, i) => i + 1),
    }
    const objective = { kind: 'nll', weights: new Float32Array(21).fill(1), normaliser: 21 } as const
    for (let step = 0; step < 4; step++) {
      await adapted.policyStep(batch, objective, { checkpoint: 'none', chunk: 64 })
      await adapted.optimizerStep({ lr: 0.05, clipNorm: 0 })
    }
    await generator.invalidate()
    const after = await generator.generate({ ids, maxNewTokens: 20, temperature: 0, session: 1 })
    expect(after.reusedTokens).toBe(0)
    expect([...after.logprobs]).not.toEqual([...before.logprobs])
    expectClose(after.logprobs, await trainingLogprobs(adapted, ids, after.ids, 1), 1e-4)
  })
})

test('both decoders agree', async () => {
  const ids = prompt(30, 4)
  const a = await makeGenerator(role, { decoder: 'packed' }).generate({ ids, maxNewTokens: 50, seed: 11n })
  const b = await makeGenerator(role, { decoder: 'slots' }).generate({ ids, maxNewTokens: 50, seed: 11n })
  expect([...a.ids]).toEqual([...b.ids])
  expectClose(a.logprobs, b.logprobs, 1e-4)
})

describe('independence', () => {
  test('a batch of one and a batch of sixteen give the same sequences, bit for bit', async () => {
    const alone = makeGenerator(role, { slots: 1 })
    const together = makeGenerator(role, { slots: 16 })
    const batch = await Promise.all(Array.from({ length: 16 }, (_, i) => together.generate(request(i))))
    for (const [i, result] of batch.entries()) expectSame(result, await alone.generate(request(i)))
  })

  test('the size of prefill chunks changes nothing', async () => {
    const reference = await makeGenerator(role).generate(request(22))
    for (const prefillChunk of [1, 3, 8, 17]) {
      const generator = makeGenerator(role, { prefillChunk })
      const [result] = await Promise.all([generator.generate(request(22)), generator.generate(request(5))])
      expectSame(result, reference)
    }
  })

  test('the order and time of arrival change nothing', async () => {
    const salts = Array.from({ length: 12 }, (_, i) => i)
    const forward = makeGenerator(role, { slots: 4 })
    const a = await Promise.all(salts.map((salt) => forward.generate(request(salt))))
    const backward = makeGenerator(role, { slots: 3, prefillChunk: 7 })
    const b: (typeof a)[number][] = []
    await Promise.all(
      [...salts].reverse().map(async (salt) => {
        // Some join while others are in the middle of theirs.
        if (salt % 3 === 0) await backward.generate(request(50 + salt, { maxNewTokens: 5 }))
        b[salt] = await backward.generate(request(salt))
      }),
    )
    for (const salt of salts) expectSame(a[salt] as (typeof a)[number], b[salt] as (typeof a)[number])
  })

  test('more requests than slots: all end, and the counters say what happened', async () => {
    const generator = makeGenerator(role, { slots: 2 })
    const results = await Promise.all(Array.from({ length: 9 }, (_, i) => generator.generate(request(i))))
    expect(results.every((r) => r.ids.length === 40 && r.stop === 'length')).toBe(true)
    const stats = generator.stats()
    expect(stats).toMatchObject({ active: 0, queued: 0, slots: 2, sampledTokens: 9 * 40 })
    expect(stats.promptTokens).toBe(results.reduce((sum, r) => sum + r.promptTokens, 0))
    expect(stats.reusedTokens).toBe(results.reduce((sum, r) => sum + r.reusedTokens, 0))
    expect(stats.prefillSeconds).toBeGreaterThan(0)
    expect(stats.decodeSeconds).toBeGreaterThan(0)
    expect(stats.cacheBytes).toBeGreaterThan(0)
  })
})

describe('ends and errors', () => {
  test('a stop id ends the sequence and is returned', async () => {
    const generator = makeGenerator(role)
    const free = await generator.generate(request(3))
    const stop = free.ids[17] as number
    const result = await generator.generate(request(3, { stopIds: [stop] }))
    const first = free.ids.indexOf(stop)
    expect([...result.ids]).toEqual([...free.ids.slice(0, first + 1)])
    expect(result.stop).toBe('id')
  })

  test('cancel frees the slot and rejects with an AbortError', async () => {
    const generator = makeGenerator(role, { slots: 1, maxLength: 512 })
    const controller = new AbortController()
    const long = generator.generate({ ids: prompt(4), maxNewTokens: 500 }, { signal: controller.signal })
    const next = generator.generate(request(1))
    const queued = new AbortController()
    const never = generator.generate(request(2), { signal: queued.signal })
    controller.abort(new Error('enough'))
    queued.abort()
    await expect(long).rejects.toMatchObject({ name: 'AbortError', code: 'ERR_ABORTED' })
    await expect(never).rejects.toMatchObject({ name: 'AbortError', code: 'ERR_ABORTED' })
    expectSame(await next, await makeGenerator(role).generate(request(1)))
    expect(generator.stats()).toMatchObject({ active: 0, queued: 0 })
  })

  test('a signal that has fired already rejects', async () => {
    const signal = AbortSignal.abort()
    await expect(makeGenerator(role).generate(request(1), { signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  test('dispose rejects what is pending, and later calls say so', async () => {
    const generator = makeGenerator(role, { slots: 1, maxLength: 512 })
    const pending = Array.from({ length: 3 }, () => generator.generate({ ids: prompt(4), maxNewTokens: 400 }))
    generator.dispose()
    generator.dispose()
    const settled = await Promise.allSettled(pending)
    for (const one of settled)
      expect(one).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } })
    await expect(generator.generate(request(1))).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
    expect(() => generator.stats()).toThrow(/disposed/)
  })

  test('other verbs run between the steps of a generation', async () => {
    const generator = makeGenerator(role, { maxLength: 512 })
    let done = false
    const long = generator.generate({ ids: prompt(4), maxNewTokens: 500 }).then(() => {
      done = true
    })
    await generator.generate({ ids: prompt(4), maxNewTokens: 1 })
    await lastLogits(role, prompt(4))
    expect(done).toBe(false)
    await long
  })

  test.each([
    [{ ids: [] }, /ids: expected at least one/],
    [{ ids: [1, 83] }, /ids: expected token ids below 83, got 83/],
    [{ ids: [1, -1] }, /ids/],
    [{ ids: prompt(100), maxNewTokens: 29 }, /maxLength 128, got 100 \+ 29/],
    [{ maxNewTokens: 0 }, /maxNewTokens/],
    [{ temperature: -1 }, /temperature/],
    [{ temperature: Number.NaN }, /temperature/],
    [{ topP: 0 }, /topP/],
    [{ topK: -1 }, /topK/],
    [{ stopIds: [400] }, /stopIds/],
    [{ stopStrings: ['x'] }, /stopStrings: expected a generator made with a vocabulary/],
    [{ stopStrings: [''] }, /stopStrings/],
    [{ topk: 3 }, /topk/],
  ])('a bad request is refused: %o', async (bad, message) => {
    const generator = makeGenerator(role)
    const ask = generator.generate({ ids: [1, 2], maxNewTokens: 4, ...bad } as GenerateOptions)
    await expect(ask).rejects.toThrow(message)
    await expect(ask).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(INVALID_ARGUMENT|OUT_OF_RANGE)$/),
    })
  })

  test.each([
    [{ slots: 0 }, /slots/],
    [{ maxLength: 513 }, /maxLength: expected 2 to 512/],
    [{ prefillChunk: 0 }, /prefillChunk/],
    [
      { vocabulary: { bytes: new Uint8Array(3), offsets: Int32Array.of(0, 3) } },
      /vocabulary\.offsets: expected 84/,
    ],
  ])('a bad option is refused: %o', (bad, message) => {
    expect(() => makeGenerator(role, bad)).toThrow(message)
  })
})
