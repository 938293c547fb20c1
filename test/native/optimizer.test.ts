/** AdamW against its definition in float64, clipping, bfloat16 masters, and its state on disk. */
import { mkdtempSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type { Objective } from '../../lib/native/types.ts'
import { batchOfLengths, ones, relativeError, tiny } from './gemma-kit.ts'

const spec = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 }
const batch = batchOfLengths([10, 5])
const nll: Objective = { kind: 'nll', weights: ones(batch.scored.length), normaliser: 13 }
const fresh = async (dtype: 'float32' | 'bfloat16' = 'float32') => {
  const role = await (await Gemma.random(tiny, { seed: 4, initStd: 0.2, dtype })).role({
    name: 'r',
    kind: 'full',
    heads: [{ name: 'v', width: 4, seed: 1 }],
  })
  role.configureOptimizer(spec)
  return role
}
async function read(role: Role, what: 'parameter' | 'gradient'): Promise<Map<string, Float64Array>> {
  const all = new Map<string, Float64Array>()
  for (const { name } of role.parameters()) all.set(name, Float64Array.from((await role[what](name)).data))
  return all
}

test.each([0, 0.05])('three steps follow AdamW, clipped at %d', async (clipNorm) => {
  const role = await fresh()
  const expected = await read(role, 'parameter')
  const moments = new Map(
    [...expected].map(([name, p]) => [
      name,
      { m: new Float64Array(p.length), v: new Float64Array(p.length) },
    ]),
  )
  const shape = new Map(role.parameters().map((parameter) => [parameter.name, parameter.shape]))
  for (let step = 1; step <= 3; step++) {
    await role.policyStep(batch, nll)
    const gradients = await read(role, 'gradient')
    let squares = 0
    for (const g of gradients.values()) for (const x of g) squares += x * x
    const norm = Math.sqrt(squares)
    const lr = 0.01 / step
    const result = await role.optimizerStep({ lr, clipNorm })
    expect(result.step).toBe(step)
    expect(result.gradNorm / norm).toBeCloseTo(1, 5)
    expect(result.clipped).toBe(clipNorm > 0 && norm > clipNorm)
    const scale = result.clipped ? clipNorm / norm : 1
    for (const [name, p] of expected) {
      if (name.startsWith('heads.')) continue // no gradient reached the heads: they stay as they are
      const { m, v } = moments.get(name) as { m: Float64Array; v: Float64Array }
      const decay = (shape.get(name)?.length ?? 0) >= 2 ? spec.weightDecay : 0
      gradients.get(name)?.forEach((raw, i) => {
        const g = raw * scale
        m[i] = spec.beta1 * (m[i] as number) + (1 - spec.beta1) * g
        v[i] = spec.beta2 * (v[i] as number) + (1 - spec.beta2) * g * g
        const update =
          (m[i] as number) /
          (1 - spec.beta1 ** step) /
          (Math.sqrt((v[i] as number) / (1 - spec.beta2 ** step)) + spec.eps)
        p[i] = (p[i] as number) * (1 - lr * decay) - lr * update
      })
    }
    for (const [name, p] of await read(role, 'parameter'))
      expect(relativeError(p, expected.get(name) ?? []), name).toBeLessThan(1e-5)
    for (const g of (await read(role, 'gradient')).values()) expect(g.every((x) => x === 0)).toBe(true)
  }
})

test('bfloat16 weights move by updates too small for bfloat16 to hold, through a float32 master', async () => {
  const role = await fresh('bfloat16')
  const before = (await role.parameter('embed_tokens.weight')).data
  for (let i = 0; i < 60; i++) {
    await role.policyStep(batch, nll)
    await role.optimizerStep({ lr: 2e-5 })
  }
  const after = (await role.parameter('embed_tokens.weight')).data
  // One step of 2e-5 is below half a unit in the last place of most weights; sixty of them are not.
  const moved = after.filter((x, i) => x !== before[i]).length
  expect(moved).toBeGreaterThan(after.length / 4)
})

test('state saved and loaded continues exactly where it stopped', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'mira-optimizer-'))
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const path = join(dir, `${dtype}.safetensors`)
    const first = await fresh(dtype)
    const advance = async (role: Role) => {
      await role.policyStep(batch, nll)
      return role.optimizerStep({ lr: 0.01, clipNorm: 1 })
    }
    await advance(first)
    await first.saveOptimizer(path)
    const second = await fresh(dtype)
    await second.copyFrom(first)
    await second.loadOptimizer(path)
    expect(await advance(second)).toEqual(await advance(first))
    expect(await read(second, 'parameter')).toEqual(await read(first, 'parameter'))
    truncateSync(path, 300)
    await expect(second.loadOptimizer(path)).rejects.toThrow(/safetensors/)
  }
})

test('state of another structure, a step without gradients and a bad spec are refused', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'mira-optimizer-'))
  const role = await fresh()
  await expect(role.optimizerStep({ lr: 0.01 })).rejects.toThrow(/expected gradients, got none/)
  await role.policyStep(batch, nll)
  await expect(role.optimizerStep({ lr: -1 })).rejects.toThrow(/options\.lr/)
  await role.optimizerStep({ lr: 0.01 })
  await role.saveOptimizer(join(dir, 'a.safetensors'))
  const other = await (await Gemma.random({ ...tiny, intermediate: 22 })).role({ name: 'o', kind: 'full' })
  await expect(other.loadOptimizer(join(dir, 'a.safetensors'))).rejects.toThrow(/configureOptimizer/)
  other.configureOptimizer(spec)
  await expect(other.loadOptimizer(join(dir, 'a.safetensors'))).rejects.toThrow(/gate_up_proj.*shape/)
  expect(() => role.configureOptimizer({ ...spec, beta1: 1 })).toThrow(/optimizer\.beta1/)
})

test('a gradient that is not finite changes nothing and is cleared', async () => {
  const role = await fresh()
  const before = await read(role, 'parameter')
  const gradient = ones(batch.scored.length).fill(Number.NaN)
  await role.policyStep(batch, { kind: 'gradient', gradient })
  await expect(role.optimizerStep({ lr: 0.01 })).rejects.toThrow(/finite gradient/)
  expect(await read(role, 'parameter')).toEqual(before)
  await expect(role.optimizerStep({ lr: 0.01 })).rejects.toThrow(/got none/)
})

test('adapters and heads survive a round trip; another scale is refused', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'mira-adapter-'))
  const model = await Gemma.random(tiny, { seed: 4, initStd: 0.2 })
  const make = (alpha: number, seed: number) =>
    model.role({
      name: 'c',
      kind: 'lora',
      lora: { rank: 2, alpha, seed },
      heads: [{ name: 'v', width: 4, seed }],
    })
  const role = await make(4, 1)
  role.configureOptimizer(spec)
  await role.policyStep(batch, nll)
  await role.optimizerStep({ lr: 0.05 })
  await role.saveAdapter(join(dir, 'adapter.safetensors'))
  const again = await make(4, 2)
  await again.loadAdapter(join(dir, 'adapter.safetensors'))
  expect((await again.logits(batch)).data).toEqual((await role.logits(batch)).data)
  expect((await again.scores(batch)).data).toEqual((await role.scores(batch)).data)
  await expect((await make(8, 1)).loadAdapter(join(dir, 'adapter.safetensors'))).rejects.toThrow(
    /alpha\/rank 2/,
  )
})
