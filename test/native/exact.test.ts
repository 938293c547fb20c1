/** Exact mode: training scores sampled tokens with the sampler's own bits, and a run repeats itself bit for bit. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { GenerateOptions } from '../../lib/native/generator.ts'
import { loadNative } from '../../lib/native/loader.ts'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type {
  DType,
  Exact,
  GenerateResult,
  NativeRole,
  PackedBatch,
  RoleSpec,
} from '../../lib/native/types.ts'
import { batchOf, floats as expectedFloats, fixture, relativeError, tensors } from './gemma-kit.ts'
import { expectClose, floats, makeGenerator, prompt, randomModel, tiny } from './generation-kit.ts'

const full: RoleSpec = { name: 'actor', kind: 'full' }
const lora: RoleSpec = { name: 'actor', kind: 'lora', lora: { rank: 3, alpha: 6, seed: 5 } }
const adamw = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.01 }

/** Eight sequences of different lengths, all longer than the window of 8; the same request for the same salt. */
const request = (salt: number, extra: Partial<GenerateOptions> = {}): GenerateOptions => ({
  ids: prompt(4 + 7 * (salt % 5), salt),
  maxNewTokens: 20 + (salt % 3) * 11,
  topP: salt % 2 ? 0.9 : 1,
  topK: salt % 3 ? 0 : 40,
  seed: BigInt(salt) * 977n + 5n,
  ...extra,
})

async function play(
  role: NativeRole,
  decoder: 'packed' | 'slots',
  temperature: number,
): Promise<{ sampled: GenerateResult[]; batch: PackedBatch; logprobs: Float32Array }> {
  // Fewer slots than requests and small chunks: sequences join and leave while others are in the middle.
  const generator = makeGenerator(role, { slots: 3, prefillChunk: 11, decoder, exact: true })
  const salts = Array.from({ length: 8 }, (_, i) => i)
  const sampled = await Promise.all(salts.map((salt) => generator.generate(request(salt, { temperature }))))
  generator.dispose()
  const ids: number[] = []
  const offsets = [0]
  const scored: number[] = []
  for (const [salt, result] of sampled.entries()) {
    const asked = request(salt).ids
    const first = ids.length + asked.length
    ids.push(...asked, ...result.ids)
    scored.push(...Array.from(result.ids, (_, i) => first + i))
    offsets.push(ids.length)
  }
  const batch = {
    ids: Int32Array.from(ids),
    offsets: Int32Array.from(offsets),
    scored: Int32Array.from(scored),
  }
  return { sampled, batch, logprobs: Float32Array.from(sampled.flatMap((r) => [...r.logprobs])) }
}

async function scores(role: NativeRole, batch: PackedBatch, temperature: number, exact: Exact, chunk = 64) {
  const { logprobs } = await role.logprobs(batch, { temperature, entropy: false, chunk, exact })
  return floats(logprobs)
}

/** The bits, so that equal means equal: 0 and -0 differ, and a NaN equals nothing by accident. */
const bits = (x: Float32Array) => [...new Uint32Array(x.slice().buffer)]

const nll = (batch: PackedBatch) =>
  ({
    kind: 'nll',
    weights: new Float32Array(batch.scored.length).fill(1),
    normaliser: batch.scored.length,
  }) as const

async function train(role: NativeRole, batch: PackedBatch, exact: Exact, steps = 2) {
  role.configureOptimizer(adamw)
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    losses.push((await role.policyStep(batch, nll(batch), { checkpoint: 'none', chunk: 32, exact })).loss)
    await role.optimizerStep({ lr: 0.01, clipNorm: 1 })
  }
  return losses
}

async function snapshot(role: NativeRole): Promise<Map<string, number[]>> {
  const all = new Map<string, number[]>()
  for (const { name } of role.parameters()) all.set(name, bits(floats(await role.parameter(name))))
  return all
}

describe.each(['packed', 'slots'] as const)('%s decoder', (decoder) => {
  describe.each([
    ['float32, full', 'float32', full],
    ['float32, LoRA', 'float32', lora],
    ['bfloat16, full', 'bfloat16', full],
    ['bfloat16, LoRA', 'bfloat16', lora],
  ] as [string, DType, RoleSpec][])('%s', (_, dtype, spec) => {
    let role: NativeRole
    let played: Awaited<ReturnType<typeof play>>
    beforeAll(async () => {
      role = await (await randomModel(dtype)).role(spec)
      // Trained a little first: fresh adapters are zero and would hide themselves.
      const ids = Int32Array.from(prompt(40, 77))
      const scored = Int32Array.from({ length: 39 }, (_, i) => i + 1)
      await train(role, { ids, offsets: Int32Array.of(0, 40), scored }, decoder)
      played = await play(role, decoder, 1)
    })

    test.each([1, 0.7, 1.9])(
      'logprobs are the sampler’s bit for bit at temperature %f',
      async (temperature) => {
        const { batch, logprobs } = temperature === 1 ? played : await play(role, decoder, temperature)
        expect(bits(await scores(role, batch, temperature, decoder))).toEqual(bits(logprobs))
        expect(bits(await scores(role, batch, temperature, decoder, 7))).toEqual(bits(logprobs))
      },
    )

    test('policyStep scores with the same bits, and a log-ratio of nothing is exactly nothing', async () => {
      const { batch, logprobs } = played
      const B = batch.offsets.length - 1
      const objective = {
        kind: 'regression',
        beta: 0.5,
        advantages: new Float32Array(B),
        reference: logprobs,
        weights: new Float32Array(B).fill(1),
        normaliser: B,
        lengthNormalised: false,
      } as const
      const step = await role.policyStep(batch, objective, { checkpoint: 'none', chunk: 50, exact: decoder })
      expect(bits(floats(step.logprobs))).toEqual(bits(logprobs))
      expect([...floats(step.logRatios)].every((x) => x === 0)).toBe(true)
      expect(step.loss).toBe(0)
      await role.zeroGradients()
    })

    test('gradients are those of the ordinary step to the precision of the weights', async () => {
      const { batch } = played
      const found = new Map<boolean, Map<string, Float32Array>>()
      for (const exact of [false, true]) {
        await role.policyStep(batch, nll(batch), { checkpoint: 'none', chunk: 32, exact: exact && decoder })
        const gradients = new Map<string, Float32Array>()
        for (const { name, trainable } of role.parameters())
          if (trainable) gradients.set(name, floats(await role.gradient(name)).slice())
        found.set(exact, gradients)
        await role.zeroGradients()
      }
      let gap = 0
      let size = 0
      for (const [name, ordinary] of found.get(false) as Map<string, Float32Array>) {
        const exact = found.get(true)?.get(name) as Float32Array
        for (const [i, g] of ordinary.entries()) {
          gap += (g - (exact[i] as number)) ** 2
          size += g ** 2
        }
      }
      expect(size).toBeGreaterThan(0)
      expect(Math.sqrt(gap / size)).toBeLessThan(dtype === 'float32' ? 1e-5 : 3e-2)
    })

    test('ordinary and exact log-probabilities agree to rounding', async () => {
      const ordinary = await scores(role, played.batch, 1, false)
      const mean = ordinary.reduce((sum, x, i) => sum + Math.abs(x - (played.logprobs[i] as number)), 0)
      expect(mean / ordinary.length).toBeLessThan(dtype === 'float32' ? 1e-5 : 3e-2)
      // The two differ in their bits: what the other tests find equal is not equal anyway.
      expect(bits(ordinary)).not.toEqual(bits(played.logprobs))
    })
  })

  test('how sequences are packed, ordered and cut changes nothing', async () => {
    const role = await (await randomModel('bfloat16')).role(full)
    const { batch, sampled, logprobs } = await play(role, decoder, 1)
    let at = 0
    for (let b = 0; b < sampled.length; b++) {
      const [from, to] = [batch.offsets[b] as number, batch.offsets[b + 1] as number]
      const scored = batch.scored.filter((t) => t >= from && t < to).map((t) => t - from)
      const one = { ids: batch.ids.slice(from, to), offsets: Int32Array.of(0, to - from), scored }
      expect(bits(await scores(role, one, 1, decoder))).toEqual(bits(logprobs.slice(at, at + scored.length)))
      at += scored.length
    }
  })

  test('a session’s reused prefix samples what training scores', async () => {
    const role = await (await randomModel('bfloat16')).role(full)
    const generator = makeGenerator(role, { slots: 2, prefillChunk: 6, decoder, exact: true })
    let ids = prompt(9, 3)
    for (let turn = 0; turn < 3; turn++) {
      const result = await generator.generate({ ids, maxNewTokens: 13, seed: BigInt(turn), session: 4 })
      if (turn > 0) expect(result.reusedTokens).toBeGreaterThan(0)
      const all = [...ids, ...result.ids]
      const scored = Int32Array.from(result.ids, (_, i) => ids.length + i)
      const batch = { ids: Int32Array.from(all), offsets: Int32Array.of(0, all.length), scored }
      expect(bits(await scores(role, batch, 1, decoder))).toEqual(bits(result.logprobs))
      ids = [...all, ...prompt(5, turn)]
    }
  })
})

describe.each(['packed', 'slots'] as const)('%s arithmetic beside Hugging Face, float32', (exact) => {
  const check = async (
    role: Role,
    base: Awaited<ReturnType<typeof tensors>>,
    expected: Awaited<ReturnType<typeof tensors>>,
  ) => {
    const batch = batchOf(base)
    const weights = expectedFloats(base, 'weights')
    const normaliser = expectedFloats(base, 'normaliser')[0] as number
    for (const chunk of [7, 1024]) {
      const step = await role.policyStep(batch, { kind: 'nll', weights, normaliser }, { chunk, exact })
      expect(relativeError(step.logprobs.data, expectedFloats(expected, 'logprobs'))).toBeLessThan(1e-5)
      for (const { name } of role.native.parameters().filter((p) => p.trainable)) {
        const gradient = (await role.gradient(name)).data
        expect(relativeError(gradient, expectedFloats(expected, `grad.${name}`)), name).toBeLessThan(1e-4)
      }
      await role.zeroGradients()
    }
  }

  test('log-probabilities within 1e-5 and gradients within 1e-4, every parameter', async () => {
    const expected = await tensors(fixture('text/expected.safetensors'))
    const model = await Gemma.load(fixture('text'))
    await check(await model.role({ name: 'actor', kind: 'full' }), expected, expected)
  })

  test('the same for every adapter matrix of PEFT', async () => {
    const expected = await tensors(fixture('text/expected_lora.safetensors'))
    const base = await tensors(fixture('text/expected.safetensors'))
    const model = await Gemma.load(fixture('text'))
    const role = await model.role({ name: 'actor', kind: 'lora', lora: { rank: 3, alpha: 6, seed: 0 } })
    await role.loadAdapter(fixture('text/adapter.safetensors'))
    // PEFT's fixture has no log-probabilities: its gradients stand for them.
    const logprobs = (
      await role.policyStep(
        batchOf(base),
        { kind: 'nll', weights: expectedFloats(base, 'weights'), normaliser: 1 },
        {},
      )
    ).logprobs.data.slice()
    await role.zeroGradients()
    await check(role, base, new Map([...expected, ['logprobs', logprobs as Float32Array]]))
  })
})

describe.each(['packed', 'slots'] as const)('a run of three phases, %s decoder', (decoder) => {
  const run = async (dtype: DType, spec: RoleSpec) => {
    const role = await (await randomModel(dtype)).role(spec)
    role.configureOptimizer(adamw)
    const trail: unknown[] = []
    for (let phase = 0; phase < 3; phase++) {
      const { sampled, batch, logprobs } = await play(role, decoder, 1)
      trail.push(
        sampled.map((r) => [...r.ids]),
        bits(logprobs),
      )
      trail.push(await train(role, batch, decoder))
    }
    return { trail, weights: await snapshot(role) }
  }
  test.each([
    ['float32, full', 'float32', full],
    ['bfloat16, LoRA', 'bfloat16', lora],
  ] as [string, DType, RoleSpec][])(
    'twice gives the same tokens, losses and weights: %s',
    async (_, dtype, spec) => {
      const [a, b] = [await run(dtype, spec), await run(dtype, spec)]
      expect(b.trail).toEqual(a.trail)
      expect(b.weights).toEqual(a.weights)
    },
  )
})

describe('threads', () => {
  test('sampling and exact scoring do not depend on their number', async () => {
    const native = loadNative()
    const before = native.info().cpu.threads
    // Wide enough that products and norms are split among threads.
    const wide = {
      ...tiny,
      vocab: 5000,
      hidden: 384,
      intermediate: 1024,
      headDim: 64,
      queryPreAttnScalar: 64,
    }
    const role = await (await randomModel('bfloat16', wide)).role(full)
    try {
      const found: number[][] = []
      for (const threads of [1, 2, 3]) {
        await native.setThreads(threads)
        for (const decoder of ['packed', 'slots'] as const) {
          const generator = makeGenerator(role, { slots: 2, decoder, exact: true })
          const ids = prompt(50, 1, wide.vocab)
          const result = await generator.generate({ ids, maxNewTokens: 6, seed: 1n })
          const scored = Int32Array.from(result.ids, (_, i) => ids.length + i)
          const all = Int32Array.from([...ids, ...result.ids])
          const batch = { ids: all, offsets: Int32Array.of(0, all.length), scored }
          expect(bits(await scores(role, batch, 1, decoder))).toEqual(bits(result.logprobs))
          if (decoder === 'packed') found.push([...result.ids, ...bits(result.logprobs)])
          generator.dispose()
        }
      }
      expect(found[1]).toEqual(found[0])
      expect(found[2]).toEqual(found[0])
    } finally {
      await native.setThreads(before)
    }
  })
})

describe('choice of arithmetic', () => {
  test('true means what a generator has by default', async () => {
    const role = await (await randomModel()).role(full)
    const { batch } = await play(role, 'packed', 1)
    expect(bits(await scores(role, batch, 1, true))).toEqual(bits(await scores(role, batch, 1, 'packed')))
  })

  test('the two decoders agree to rounding', async () => {
    const role = await (await randomModel()).role(full)
    const { batch } = await play(role, 'packed', 1)
    expectClose(await scores(role, batch, 1, 'slots'), await scores(role, batch, 1, 'packed'), 1e-4)
  })

  test('anything else is refused by name', async () => {
    const role = await (await randomModel()).role(full)
    const { batch } = await play(role, 'packed', 1)
    const wrong = 'aten' as unknown as Exact
    expect(() => role.logprobs(batch, { temperature: 1, entropy: false, chunk: 8, exact: wrong })).toThrow(
      /options\.exact/,
    )
  })
})
