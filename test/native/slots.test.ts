/** The slot decoder against the packed one: rings, chunks, branches, batches, updates, and its memory by formula. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { GenerateOptions, Generator, GeneratorOptions } from '../../lib/native/generator.ts'
import type { GemmaConfig, GenerateResult, NativeRole } from '../../lib/native/types.ts'
import { sequenceBytes } from '../../lib/plan/kv-cache.ts'
import {
  expectClose,
  makeGenerator,
  prompt,
  randomModel,
  randomRole,
  tiny,
  trainingLogprobs,
} from './generation-kit.ts'

let role: NativeRole
beforeAll(async () => {
  role = await randomRole()
})

const slots = (options: Partial<GeneratorOptions> = {}, of = role) =>
  makeGenerator(of, { decoder: 'slots', ...options })
const packed = (options: Partial<GeneratorOptions> = {}, of = role) =>
  makeGenerator(of, { decoder: 'packed', ...options })

/** The same ids, log-probabilities to rounding of float32. */
function expectAlike(a: GenerateResult, b: GenerateResult, tolerance = 1e-4): void {
  expect([...a.ids]).toEqual([...b.ids])
  expect(a.stop).toBe(b.stop)
  expectClose(a.logprobs, b.logprobs, tolerance)
  expectClose(a.samplingLogprobs, b.samplingLogprobs, tolerance)
}

/** `ids` whose continuation at `cut` differs from what any other salt gives. */
const branch = (base: readonly number[], salt: number, length: number) => [
  ...base,
  salt % tiny.vocab,
  ...prompt(length, salt),
]

describe('against the packed decoder', () => {
  test('prefill in chunks of any size, across the wrap of the rings', async () => {
    const ask: GenerateOptions = { ids: prompt(61, 4), maxNewTokens: 30, seed: 3n, topP: 0.95 }
    const reference = await packed().generate(ask)
    for (const prefillChunk of [1, 3, 7, 8, 9, 17, 512])
      expectAlike(await slots({ prefillChunk }).generate(ask), reference)
  })

  test('several prompts in one pass, some fresh, some in the middle of theirs', async () => {
    const [a, b] = [slots({ prefillChunk: 13 }), packed()]
    const asks = Array.from({ length: 7 }, (_, i) => ({
      ids: prompt(3 + 9 * i, i),
      maxNewTokens: 25,
      seed: BigInt(i),
    }))
    const results = await Promise.all(asks.map((ask) => a.generate(ask)))
    for (const [i, ask] of asks.entries()) expectAlike(results[i] as GenerateResult, await b.generate(ask))
  })

  test.each([
    ['a window longer than any sequence', { slidingWindow: 300 }],
    ['a window of one token', { slidingWindow: 1 }],
    ['global layers only', { layerIsGlobal: [true, true, true] }],
    ['local layers only', { layerIsGlobal: [false, false, false] }],
    ['one key head for all queries', { kvHeads: 1 }],
  ] as [string, Partial<GemmaConfig>][])('%s', async (_, change) => {
    const of = await randomRole('float32', { ...tiny, ...change })
    const ask = { ids: prompt(33, 2), maxNewTokens: 40, temperature: 0 }
    expectAlike(await slots({ prefillChunk: 10 }, of).generate(ask), await packed({}, of).generate(ask))
  })

  test('bfloat16, with a vocabulary of more than one chunk of the output layer', async () => {
    const of = await randomRole('bfloat16', { ...tiny, vocab: 9000 })
    const ask = { ids: prompt(21, 1, 9000), maxNewTokens: 32, seed: 1n }
    const result = await slots({}, of).generate(ask)
    const training = await trainingLogprobs(of, ask.ids, result.ids, 1)
    const gaps = Array.from(training, (x, i) => Math.abs(x - (result.logprobs[i] as number)))
    expect(gaps.reduce((a, b) => a + b, 0) / gaps.length).toBeLessThan(0.03)
  })

  test('arrivals, departures and cancelled requests leave the others alone', async () => {
    const generator = slots({ slots: 8, prefillChunk: 11, maxLength: 512 })
    const ask = (salt: number): GenerateOptions => ({
      ids: prompt(4 + ((salt * 7) % 40), salt),
      maxNewTokens: 6 + ((salt * 5) % 30),
      temperature: 0.9,
      seed: BigInt(salt),
    })
    const cancelled = Array.from({ length: 4 }, (_, i) => {
      const controller = new AbortController()
      const running = generator.generate({ ...ask(90 + i), maxNewTokens: 450 }, { signal: controller.signal })
      return { controller, ended: expect(running).rejects.toMatchObject({ name: 'AbortError' }) }
    })
    const kept = Array.from({ length: 12 }, async (_, salt) => {
      if (salt % 3 === 0) await generator.generate(ask(50 + salt))
      if (salt % 3 === 0) cancelled[salt / 3]?.controller.abort()
      return generator.generate(ask(salt))
    })
    const results = await Promise.all(kept)
    await Promise.all(cancelled.map((c) => c.ended))
    for (const [salt, result] of results.entries()) expectAlike(result, await packed().generate(ask(salt)))
    expect(generator.stats()).toMatchObject({ active: 0, queued: 0 })
  })
})

describe('prefixes', () => {
  const settings = { maxNewTokens: 5, seed: 5n }
  const history = prompt(100, 6)
  const fresh = (ids: number[]) => packed({ maxLength: 256 }).generate({ ids, ...settings })
  const generatorOf = (options: Partial<GeneratorOptions> = {}) =>
    slots({ maxLength: 256, slots: 4, ...options })

  test('the next turn of a session computes what is new', async () => {
    const generator = generatorOf()
    let ids = prompt(20)
    for (let turn = 0; turn < 4; turn++) {
      const result = await generator.generate({ ids, session: 1, ...settings, maxNewTokens: 12 })
      expect(result.reusedTokens).toBe(turn === 0 ? 0 : ids.length - 6)
      expectAlike(result, await packed({ maxLength: 256 }).generate({ ids, ...settings, maxNewTokens: 12 }))
      ids = [...ids, ...result.ids, ...prompt(5, turn)]
    }
  })

  test('turns that branch off the same history: the second time its rings are at hand', async () => {
    const generator = generatorOf()
    const reused: number[] = []
    for (const salt of [1, 2, 3, 4]) {
      const ids = branch(history, salt, 40)
      const result = await generator.generate({ ids, session: 1, ...settings })
      reused.push(result.reusedTokens)
      expectAlike(result, await fresh(ids))
    }
    expect(reused).toEqual([0, 0, 100, 100])
  })

  test('a history that grows every turn is taken up where the turn before the last branched', async () => {
    const generator = generatorOf({ maxLength: 400 })
    const reused: number[] = []
    for (let turn = 0; turn < 4; turn++) {
      const ids = branch(prompt(80 + 70 * turn, 6), turn, 30)
      const result = await generator.generate({ ids, session: 1, ...settings })
      reused.push(result.reusedTokens)
      expectAlike(result, await packed({ maxLength: 400 }).generate({ ids, ...settings }))
    }
    // Turn 1 starts over and keeps rings at 80; turn 2 goes on from there and keeps its own branch, 150; and so on.
    expect(reused).toEqual([0, 0, 80, 150])
  })

  test('without room for snapshots a branch starts over, with the same result', async () => {
    const generator = generatorOf({ snapshots: 0 })
    for (const salt of [1, 2, 3]) {
      const ids = branch(history, salt, 40)
      const result = await generator.generate({ ids, session: 1, ...settings })
      expect(result.reusedTokens).toBe(0)
      expectAlike(result, await fresh(ids))
    }
  })

  test('the snapshot used least recently makes room', async () => {
    const generator = generatorOf({ snapshots: 1 })
    const turn = async (session: number, salt: number) => {
      const ids = branch(prompt(100, 20 + session), salt, 40)
      const result = await generator.generate({ ids, session, ...settings })
      expectAlike(result, await fresh(ids))
      return result.reusedTokens
    }
    for (const session of [1, 2]) await turn(session, 1)
    await turn(1, 2) // keeps rings of 1
    expect(await turn(1, 3)).toBe(100)
    await turn(2, 2) // keeps rings of 2 in their place
    expect(await turn(2, 3)).toBe(100)
    expect(await turn(1, 4)).toBe(0)
  })

  test('another session copies from a snapshot', async () => {
    const generator = generatorOf()
    for (const salt of [1, 2])
      await generator.generate({ ids: branch(history, salt, 40), session: 1, ...settings })
    const ids = branch(history, 3, 40)
    const copied = await generator.generate({ ids, session: 2, ...settings })
    expect(copied.reusedTokens).toBe(100)
    expectAlike(copied, await fresh(ids))
    // The donor is as it was.
    const again = await generator.generate({ ids: branch(history, 4, 40), session: 1, ...settings })
    expect(again.reusedTokens).toBe(100)
    expectAlike(again, await fresh(branch(history, 4, 40)))
  })

  test.each(['slots', 'packed'] as const)(
    'rollouts of one task prefill its prompt once (%s)',
    async (decoder) => {
      const generator = makeGenerator(role, { decoder, maxLength: 512, slots: 4, prefillChunk: 32 })
      // All slots are taken until every rollout has been asked for.
      const controller = new AbortController()
      const before = Array.from({ length: 4 }, (_, i) =>
        generator.generate({ ids: prompt(4, 70 + i), maxNewTokens: 500 }, { signal: controller.signal }),
      )
      const ask = (i: number): GenerateOptions => ({ ids: history, maxNewTokens: 80, seed: BigInt(i) })
      const rollouts = [0, 1, 2, 3].map((i) => generator.generate(ask(i)))
      controller.abort()
      await Promise.allSettled(before)
      const results = await Promise.all(rollouts)
      for (const [i, result] of results.entries())
        expectAlike(result, await packed({ maxLength: 256 }).generate(ask(i)))
      expect(results.map((r) => r.reusedTokens)).toEqual([0, 99, 99, 99])
    },
  )

  test('random walks over sessions never change a result', async () => {
    const generator = slots({ slots: 3, prefillChunk: 6, maxLength: 160, snapshots: 2 })
    let state = 4321
    const random = (n: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 8) % n
    }
    const held = new Map<number, number[]>()
    for (let step = 0; step < 30; step++) {
      const asks = Array.from({ length: 1 + random(3) }, () => {
        const session = random(5)
        const before = held.get(session) ?? prompt(90, random(2))
        const kept = before.slice(0, random(2) === 0 ? 60 + random(60) : before.length)
        const ids = [...kept.slice(0, 130), ...prompt(1 + random(9), random(7))]
        return { session, ids, seed: BigInt(step), maxNewTokens: 1 + random(10) }
      })
      const results = await Promise.all(asks.map((ask) => generator.generate(ask)))
      for (const [i, { session, ...ask }] of asks.entries()) {
        const result = results[i] as GenerateResult
        expectAlike(result, await packed({ maxLength: 160 }).generate(ask))
        held.set(session, [...ask.ids, ...result.ids])
      }
    }
    expect(generator.stats().reusedTokens).toBeGreaterThan(0)
  })
})

describe('weights', () => {
  const batch = {
    ids: Int32Array.from(prompt(22, 9)),
    offsets: Int32Array.of(0, 22),
    scored: Int32Array.from({ length: 21 }, (_, i) => i + 1),
  }
  const objective = { kind: 'nll', weights: new Float32Array(21).fill(1), normaliser: 21 } as const

  test.each(['full', 'lora'] as const)(
    'an update in the middle of a sequence shows in its next token (%s)',
    async (kind) => {
      const model = await randomModel()
      const lora = { rank: 3, alpha: 6, seed: 5 }
      const trained = await model.role(
        kind === 'full' ? { name: 'a', kind, copy: true } : { name: 'a', kind, lora },
      )
      trained.configureOptimizer({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 })
      const generator: Generator = slots({ maxLength: 512, slots: 2 }, trained)
      const ids = prompt(12)
      const running = generator.generate({ ids, maxNewTokens: 480, seed: 2n })
      await generator.generate({ ids: prompt(3), maxNewTokens: 1 })
      const updates = [0, 1, 2].flatMap(() => [
        trained.policyStep(batch, objective, { checkpoint: 'none', chunk: 64 }),
        trained.optimizerStep({ lr: 0.05, clipNorm: 0 }),
      ])
      await Promise.all(updates)
      expect(generator.stats().active).toBe(1)
      const result = await running
      const training = await trainingLogprobs(trained, ids, result.ids, 1)
      expectClose(result.logprobs.slice(-5), training.slice(-5), 1e-4)
      expect(result.logprobs[0]).not.toBeCloseTo(training[0] as number, 3)
    },
  )

  test.each(['slots', 'packed'] as const)(
    'weights that have diverged end a request with a sentence (%s)',
    async (decoder) => {
      const trained = await (await randomModel()).role({ name: 'a', kind: 'full', copy: true })
      trained.configureOptimizer({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 })
      const generator = makeGenerator(trained, { decoder })
      await trained.policyStep(batch, objective, { checkpoint: 'none', chunk: 64 })
      await trained.optimizerStep({ lr: 1e38, clipNorm: 0 })
      const ask = { ids: prompt(12), maxNewTokens: 4 }
      await expect(generator.generate(ask)).rejects.toThrow(
        /expected finite logits, .* position 12; the weights/,
      )
      expect(generator.stats()).toMatchObject({ active: 0, queued: 0 })
    },
  )
})

describe('memory and schedule', () => {
  test.each([
    [tiny, 128, 16, 'float32', 4],
    [tiny, 300, 3, 'bfloat16', 2],
    [{ ...tiny, slidingWindow: 600 }, 300, 2, 'float32', 4],
  ] as const)('caches take what the formula says', async (config, maxLength, count, dtype, element) => {
    const of = await randomRole(dtype, { ...config, layerIsGlobal: [false, false, true] })
    const generator = slots({ slots: count, maxLength }, of)
    expect(generator.stats().cacheBytes).toBe(
      count * sequenceBytes(config as GemmaConfig, maxLength, element),
    )
  })

  test('suspend gives the memory back, also in the middle of a sequence, and nothing changes', async () => {
    const generator = slots({ maxLength: 256, slots: 2 })
    const held = generator.stats().cacheBytes
    const ask = { ids: prompt(30), maxNewTokens: 200, seed: 4n }
    const running = generator.generate(ask)
    for (let i = 0; i < 3; i++) await generator.suspend()
    expectAlike(await running, await packed({ maxLength: 256 }).generate(ask))
    expect(generator.stats().cacheBytes).toBe(held)
    await generator.suspend()
    expect(generator.stats().cacheBytes).toBe(0)
    expectAlike(await generator.generate(ask), await packed({ maxLength: 256 }).generate(ask))
  })

  test('a long prompt does not hold up what is decoding', async () => {
    const generator = slots({ maxLength: 512, prefillChunk: 16, slots: 2 })
    const ends: string[] = []
    await Promise.all([
      generator.generate({ ids: prompt(4), maxNewTokens: 20 }).then(() => ends.push('short')),
      generator.generate({ ids: prompt(480, 1), maxNewTokens: 1 }).then(() => ends.push('long')),
    ])
    expect(ends).toEqual(['short', 'long'])
    const stats = generator.stats()
    expect(stats.prefillTokens).toBe(484)
    expect(stats.decodeTokens).toBe(19)
    expect(stats.decodeSteps).toBe(19)
    expect(stats.graphSteps).toBe(0)
    expect(stats.eagerSteps).toBe(19)
  })
})
