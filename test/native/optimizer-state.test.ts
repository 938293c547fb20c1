/** The reduced-storage modes of AdamW: bit for bit what their headers say, close to float64, resumable, unbiased. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadNative } from '../../lib/native/loader.ts'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type { AdamWSpec, Objective, OptimizerState } from '../../lib/native/types.ts'
import {
  adamwElement,
  advance,
  bitsFloat,
  decodeFirst,
  decodeSecond,
  emptyState,
  encodeFirst,
  encodeSecond,
  floatBits,
  joinFloat,
  philox,
  roundNearest,
  roundStochastic,
  roundingBits,
  type Stored,
  widen,
} from './adamw-emulation.ts'
import { batchOfLengths, ones, tiny } from './gemma-kit.ts'

const modes = ['stochastic', 'split', 'int8'] as const
// One thread: these matrices are too small to share out.
await loadNative().setThreads(1)
const adamw = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 }
const batch = batchOfLengths([10, 5])
const nll: Objective = { kind: 'nll', weights: ones(batch.scored.length), normaliser: 13 }

async function roleWith(
  spec: Partial<AdamWSpec> & { state: OptimizerState },
  dtype: 'float32' | 'bfloat16' = 'bfloat16',
) {
  const model = await Gemma.random(tiny, { seed: 4, initStd: 0.2, dtype })
  const role = await model.role({ name: 'r', kind: 'full' })
  role.configureOptimizer({ ...adamw, ...spec })
  return role
}
const values = async (role: Role, name: string, what: 'parameter' | 'gradient' = 'parameter') =>
  (await role[what](name)).data.slice()
const upper = (x: ArrayLike<number>) => Uint16Array.from(x, (value) => floatBits(value) >>> 16)

/** The tensors of a safetensors file by name, as little-endian typed arrays. */
function stateFile(path: string): Map<string, ArrayLike<number>> {
  const bytes = readFileSync(path)
  const length = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >
  const views = {
    F32: Float32Array,
    BF16: Uint16Array,
    I16: Uint16Array,
    I8: Int8Array,
    U8: Uint8Array,
    I64: BigInt64Array,
  }
  const found = new Map<string, ArrayLike<number>>()
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const [begin, end] = entry.data_offsets
    const own = bytes.buffer.slice(bytes.byteOffset + 8 + length + begin, bytes.byteOffset + 8 + length + end)
    found.set(name, new views[entry.dtype as keyof typeof views](own) as unknown as ArrayLike<number>)
  }
  return found
}

/** The loss after a few steps under a mode. */
async function trained(state: OptimizerState): Promise<number> {
  const role = await roleWith({ state, weightDecay: 0 })
  for (let i = 0; i < 25; i++) {
    await role.policyStep(batch, nll)
    await role.optimizerStep({ lr: 5e-3, clipNorm: 1 })
  }
  return (await role.policyStep(batch, nll)).loss
}
const reference = trained('float32')

describe.each(modes)('%s', (state) => {
  // Two tensors: a decayed matrix whose size is no multiple of a block, and an undecayed norm far down the list.
  const tensors = [
    { fused: 'embed_tokens.weight', parameter: 0, weightDecay: adamw.weightDecay },
    { fused: 'norm.weight', parameter: 1 + 10 * tiny.layers, weightDecay: 0 },
  ]

  test.each(['float32', 'parameter'] as const)(
    'has the bits its header promises, %s gradients',
    async (gradients) => {
      const dir = mkdtempSync(join(tmpdir(), 'mira-state-'))
      const seed = 0x1234_5678_9abc_def0n
      const role = await roleWith({ state, gradients, seed })
      const expected: Stored[] = []
      for (const { fused } of tensors) expected.push(emptyState(state, upper(await values(role, fused))))
      for (let step = 1; step <= 4; step++) {
        await role.policyStep(batch, nll)
        const found: Float32Array[] = []
        for (const { fused } of tensors) found.push(await values(role, fused, 'gradient'))
        const lr = 0.01 / step
        const { gradNorm, clipped } = await role.optimizerStep({ lr, clipNorm: step === 2 ? 0.05 : 0 })
        expect(clipped).toBe(step === 2)
        tensors.forEach(({ parameter, weightDecay }, i) => {
          advance(
            state,
            expected[i] as Stored,
            found[i] as Float32Array,
            { ...adamw, weightDecay },
            {
              lr,
              scale: clipped ? 0.05 / gradNorm : 1,
              key: { seed, parameter, step },
            },
          )
        })
      }
      const path = join(dir, 'state.safetensors')
      await role.saveOptimizer(path)
      const file = stateFile(path)
      for (const [i, { fused }] of tensors.entries()) {
        const want = expected[i] as Stored
        expect(upper(await values(role, fused)), fused).toEqual(want.weight)
        expect(file.get(`${fused}.exp_avg`)).toEqual(want.first)
        expect(file.get(`${fused}.exp_avg_sq`)).toEqual(want.second)
        expect(file.has(`${fused}.low`)).toBe(state === 'split')
        if (state === 'split') expect(file.get(`${fused}.low`)).toEqual(want.low)
        if (state !== 'int8') continue
        expect(file.get(`${fused}.exp_avg_scale`)).toEqual(want.firstScale)
        expect(file.get(`${fused}.exp_avg_sq_scale`)).toEqual(want.secondScale)
      }
    },
  )

  test('follows AdamW in float64 on a noisy quadratic for 200 steps', () => {
    // minimise sum (x - target)^2 / 2 from gradients with noise; the noise is the same on both sides.
    const count = 600
    const wave = (i: number, s: number) => Math.sin(i * 12.9898 + s * 78.233) * 0.5
    const target = Float64Array.from({ length: count }, (_, i) => wave(i, 1) * 4)
    const start = Uint16Array.from({ length: count }, (_, i) => roundNearest(wave(i, 2)))
    const stored = emptyState(state, start)
    const exact = {
      p: Float64Array.from(start, widen),
      m: new Float64Array(count),
      v: new Float64Array(count),
    }
    for (let step = 1; step <= 200; step++) {
      const noise = (i: number) => wave(i + 0.37 * step, step)
      const here = Float64Array.from(stored.weight, widen) // what a forward pass reads
      const gradient = Float32Array.from(here, (x, i) => x - (target[i] as number) + noise(i))
      advance(state, stored, gradient, adamw, { lr: 0.01, scale: 1, key: { seed: 5n, parameter: 2, step } })
      for (let i = 0; i < count; i++) {
        const g = (exact.p[i] as number) - (target[i] as number) + noise(i)
        const m = 0.9 * (exact.m[i] as number) + 0.1 * g
        const v = 0.95 * (exact.v[i] as number) + 0.05 * g * g
        exact.m[i] = m
        exact.v[i] = v
        exact.p[i] =
          (exact.p[i] as number) * (1 - 0.01 * 0.1) -
          (0.01 * (m / (1 - 0.9 ** step))) / (Math.sqrt(v / (1 - 0.95 ** step)) + 1e-8)
      }
    }
    let squares = 0
    let moved = 0
    stored.weight.forEach((h, i) => {
      const x = joinFloat(h, state === 'split' ? (stored.low[i] as number) : 0)
      squares += (x - (exact.p[i] as number)) ** 2
      moved += ((exact.p[i] as number) - widen(start[i] as number)) ** 2
    })
    // Root mean square distance from the exact end point, beside the way it went.
    const bound = { split: 0.01, stochastic: 0.02, int8: 0.04 }[state]
    expect(Math.sqrt(squares / moved)).toBeLessThan(bound)
  })

  test('moves by steps that bfloat16 would round away, as far as a float32 master does', async () => {
    const master = await roleWith({ state: 'float32' })
    const role = await roleWith({ state, seed: 3n })
    const name = 'embed_tokens.weight'
    const begin = await values(role, name)
    for (const r of [master, role])
      for (let i = 0; i < 16; i++) {
        await r.policyStep(batch, nll)
        await r.optimizerStep({ lr: 1e-5 })
      }
    const exact = await stateOf(master, `${name}.master`)
    let after: ArrayLike<number> = await values(role, name)
    if (state === 'split') {
      const low = await stateOf(role, `${name}.low`)
      after = Float32Array.from(upper(after), (h, i) => joinFloat(h, low[i] as number))
    }
    let along = 0
    let length = 0
    let stalled = 0
    begin.forEach((p, i) => {
      const way = (exact[i] as number) - p
      along += ((after[i] as number) - p) * way
      length += way * way
      // One such step, rounded to nearest, leaves the weight where it is.
      stalled += roundNearest(p + way / 16) === floatBits(p) >>> 16 ? 1 : 0
    })
    expect(stalled).toBeGreaterThan(begin.length * 0.6)
    expect(along / length).toBeGreaterThan(state === 'split' ? 0.97 : 0.7)
    expect(along / length).toBeLessThan(state === 'split' ? 1.03 : 1.3)
  })

  test('trains as far as float32 state does', async () => {
    const reached = await trained(state)
    expect(Math.abs(reached - (await reference))).toBeLessThan(0.1)
  })

  test.each(['float32', 'parameter'] as const)(
    'saved and loaded, it continues bit for bit, %s gradients',
    async (gradients) => {
      const path = join(mkdtempSync(join(tmpdir(), 'mira-state-')), 'state.safetensors')
      const make = (seed: bigint) => roleWith({ state, gradients, seed })
      const first = await make(9n)
      const go = async (role: Role) => {
        await role.policyStep(batch, nll)
        return role.optimizerStep({ lr: 0.01, clipNorm: 1 })
      }
      await go(first)
      await go(first)
      await first.saveOptimizer(path)
      const second = await make(1n) // the seed comes with the state
      await second.copyFrom(first)
      await second.loadOptimizer(path)
      for (let i = 0; i < 2; i++) expect(await go(second)).toEqual(await go(first))
      for (const { name } of first.parameters())
        expect(await values(second, name), name).toEqual(await values(first, name))
      await first.saveOptimizer(`${path}.1`)
      await second.saveOptimizer(`${path}.2`)
      expect(readFileSync(`${path}.2`).equals(readFileSync(`${path}.1`))).toBe(true)
    },
  )
})

async function stateOf(role: Role, name: string): Promise<ArrayLike<number>> {
  const path = join(mkdtempSync(join(tmpdir(), 'mira-state-')), 'state.safetensors')
  await role.saveOptimizer(path)
  return stateFile(path).get(name) as ArrayLike<number>
}

test('split holds the float32 master of the same moments exactly', () => {
  const weight = Uint16Array.from({ length: 100 }, (_, i) => roundNearest(Math.sin(i)))
  const stored = emptyState('split', weight)
  const master = Float32Array.from(weight, widen)
  const [m, v] = [new Float32Array(100), new Float32Array(100)]
  for (let step = 1; step <= 30; step++) {
    const gradient = Float32Array.from({ length: 100 }, (_, i) => Math.cos(i + step))
    const key = { seed: 1n, parameter: 0, step }
    advance('split', stored, gradient, adamw, { lr: 1e-6, scale: 1, key })
    const element = adamwElement(adamw, 1e-6, 1, step)
    const [, forFirst, forSecond] = roundingBits(100, key)
    for (let i = 0; i < 100; i++) {
      const [x, first, second] = element(
        master[i] as number,
        m[i] as number,
        v[i] as number,
        gradient[i] as number,
      )
      master[i] = x
      m[i] = widen(roundStochastic(first, forFirst[i] as number))
      v[i] = widen(roundStochastic(second, forSecond[i] as number))
    }
  }
  const joined = Float32Array.from(stored.weight, (h, i) => joinFloat(h, stored.low[i] as number))
  expect(joined).toEqual(master)
  expect([...master].some((x, i) => x !== widen(weight[i] as number))).toBe(true)
  // The weights a model reads are the master rounded to nearest: such small steps leave all but a few alone.
  expect(stored.weight).toEqual(Uint16Array.from(master, roundNearest))
})

test('the mean over seeds of a stochastically rounded step is the float32 step', async () => {
  const name = 'embed_tokens.weight'
  const draws = 48
  const reference = await roleWith({ state: 'float32' })
  const begin = await values(reference, name)
  await reference.policyStep(batch, nll)
  await reference.optimizerStep({ lr: 1e-4 })
  const exact = Float32Array.from(await stateOf(reference, `${name}.master`))
  const sum = new Float64Array(begin.length)
  const ulp = Float64Array.from(exact, (x) => Math.abs(bitsFloat((floatBits(x) & 0x7f800000) >>> 0)) / 128)
  for (let draw = 0; draw < draws; draw++) {
    const role = await roleWith({ state: 'stochastic', seed: BigInt(draw) })
    await role.policyStep(batch, nll)
    await role.optimizerStep({ lr: 1e-4 })
    ;(await values(role, name)).forEach((x, i) => {
      sum[i] = (sum[i] as number) + x
    })
  }
  // In units of the last place a draw's error lies in (-1, 1) with variance at most 1/4.
  let total = 0
  sum.forEach((s, i) => {
    const error = (s / draws - (exact[i] as number)) / (ulp[i] as number)
    expect(Math.abs(error)).toBeLessThan(5 * 0.5 * draws ** -0.5)
    total += error
  })
  expect(Math.abs(total / sum.length)).toBeLessThan((5 * 0.5) / Math.sqrt(draws * sum.length))
})

describe('codes and bits', () => {
  test('philox gives the known answers of Random123', () => {
    const hex = (words: number[]) => words.map((w) => w.toString(16).padStart(8, '0')).join(' ')
    expect(hex(philox([0, 0, 0, 0], 0n))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8')
    expect(hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], 0x299f31d0a4093822n))).toBe(
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    )
  })

  test('a byte code is one of the two neighbours, unbiased over the random bits', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-9, max: 1, noNaN: true }),
        fc.double({ min: 1e-6, max: 1e3, noNaN: true }),
        (share, top) => {
          const scale = Math.fround(top)
          const x = Math.fround(share * scale)
          const codes = new Set<number>()
          let mean = 0
          let meanSquare = 0
          for (let r = 0; r < 65536; r += 256) {
            const code = encodeFirst(-x, scale, r)
            codes.add(code)
            mean += decodeFirst(code, scale) / 256
            meanSquare += decodeSecond(encodeSecond(x, scale, r), scale) / 256
          }
          expect(Math.max(...codes) - Math.min(...codes)).toBeLessThanOrEqual(1)
          const width = scale * (2 * Math.sqrt(share) * 127 + 1) * 127 ** -2
          expect(Math.abs(mean + x)).toBeLessThanOrEqual(width / 200)
          const step = scale * (4 * share ** 0.75 * 255 ** -1 + 8 * 255 ** -2 * share ** 0.5 + 255 ** -4)
          expect(Math.abs(meanSquare - x)).toBeLessThanOrEqual(step / 100 + scale * 255 ** -4)
          expect(encodeSecond(x, scale, 65535)).toBeGreaterThanOrEqual(1)
        },
      ),
    )
  })

  test('infinities and NaNs keep their kind', () => {
    expect(widen(roundStochastic(Number.POSITIVE_INFINITY, 65535))).toBe(Number.POSITIVE_INFINITY)
    expect(widen(roundStochastic(Number.NaN, 65535))).toBeNaN()
  })
})

describe('gradients', () => {
  test('in the parameter’s dtype they add up in bfloat16, and clear', async () => {
    const role = await roleWith({ state: 'stochastic', gradients: 'parameter' })
    const wide = await roleWith({ state: 'stochastic' })
    const name = 'layers.0.mlp.down_proj.weight'
    for (const r of [role, wide]) {
      await r.policyStep(batch, nll)
      await r.policyStep(batch, nll)
      expect(await r.accumulatedSteps()).toBe(2)
    }
    const [narrow, exact] = [await values(role, name, 'gradient'), await values(wide, name, 'gradient')]
    expect(upper(narrow)).toEqual(Uint16Array.from(narrow, roundNearest))
    const top = Math.max(...exact.map(Math.abs))
    narrow.forEach((g, i) => {
      expect(Math.abs(g - (exact[i] as number))).toBeLessThan(top / 100)
    })
    await role.zeroGradients()
    expect(await role.accumulatedSteps()).toBe(0)
    expect((await values(role, name, 'gradient')).every((g) => g === 0)).toBe(true)
  })

  test('a step that does not finish adds nothing to those before it', async () => {
    for (const gradients of ['float32', 'parameter'] as const) {
      const role = await roleWith({ state: 'stochastic', gradients })
      await role.policyStep(batch, nll)
      const before = await values(role, 'norm.weight', 'gradient')
      await expect(role.policyStep(batch, nll, { signal: AbortSignal.abort() })).rejects.toThrow()
      await expect(role.policyStep({ ...batch, scored: Int32Array.of(0) }, nll)).rejects.toThrow(
        /batch\.scored/,
      )
      expect(await role.accumulatedSteps()).toBe(1)
      expect(await values(role, 'norm.weight', 'gradient')).toEqual(before)
    }
  })

  test('their storage does not change under pending ones', async () => {
    const role = await roleWith({ state: 'stochastic' })
    await role.policyStep(batch, nll)
    role.configureOptimizer({ ...adamw, state: 'stochastic', gradients: 'parameter' })
    // Configuring returns at once; a spec that does not fit is refused by the next verb of the optimizer.
    await expect(role.optimizerStep({ lr: 0.01 })).rejects.toThrow(/optimizer\.gradients/)
  })
})

test('a state that was saved under another name, or changes after a step, is refused', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'mira-state-'))
  const step = async (role: Role) => {
    await role.policyStep(batch, nll)
    await role.optimizerStep({ lr: 0.01 })
  }
  for (const state of ['float32', ...modes] as const) {
    const role = await roleWith({ state })
    await step(role)
    await role.saveOptimizer(join(dir, state))
  }
  const into = async (state: OptimizerState, file: string) =>
    (await roleWith({ state })).loadOptimizer(join(dir, file))
  await expect(into('stochastic', 'float32')).rejects.toThrow(/'seed'/)
  await expect(into('split', 'stochastic')).rejects.toThrow(/\.low' is missing/)
  await expect(into('stochastic', 'split')).rejects.toThrow(/belong to no parameter/)
  await expect(into('int8', 'stochastic')).rejects.toThrow(
    /expected 'embed_tokens\.weight\.exp_avg' in .*Char/,
  )
  await expect(into('float32', 'int8')).rejects.toThrow(/exp_avg/)
  const role = await roleWith({ state: 'split' })
  await step(role)
  role.configureOptimizer({ ...adamw, state: 'int8' })
  await role.policyStep(batch, nll)
  await expect(role.optimizerStep({ lr: 0.01 })).rejects.toThrow(/optimizer\.state/)
  expect(() => role.configureOptimizer({ ...adamw, state: 'fp4' as 'int8' })).toThrow(
    /spec\.state: expected one of 'float32'/,
  )
})

test('float32 parameters have float32 state under every name', async () => {
  const roles = []
  for (const state of ['float32', ...modes] as const)
    roles.push(await roleWith({ state, seed: 1n }, 'float32'))
  for (const role of roles) {
    await role.policyStep(batch, nll)
    await role.optimizerStep({ lr: 0.01 })
  }
  const [first, ...others] = await Promise.all(roles.map((role) => values(role, 'embed_tokens.weight')))
  for (const other of others) expect(other).toEqual(first)
})
