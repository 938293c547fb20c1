/** What a layer keeps for backward: equal gradients under every variant, and the bytes each one holds, measured. */
import { describe, expect, test } from 'vitest'
import { loadNative } from '../../lib/native/loader.ts'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type { Checkpointing, GemmaConfig, Objective } from '../../lib/native/types.ts'
import { batchOfLengths, ones, relativeError, tiny } from './gemma-kit.ts'

// One thread: these matrices are too small to share out.
await loadNative().setThreads(1)
const variants: Checkpointing[] = ['none', 'full', 'selective']
const batch = batchOfLengths([12, 7, 1, 20])
const nll: Objective = { kind: 'nll', weights: ones(batch.scored.length), normaliser: 3 }
const lora = { rank: 3, alpha: 6, seed: 3 }

async function gradientsOf(role: Role, checkpoint: Checkpointing): Promise<Map<string, Float32Array>> {
  await role.zeroGradients()
  await role.policyStep(batch, nll, { checkpoint })
  const all = new Map<string, Float32Array>()
  for (const { name, trainable } of role.parameters())
    if (trainable) all.set(name, (await role.gradient(name)).data.slice())
  return all
}

describe.each(['float32', 'bfloat16'] as const)('%s', (dtype) => {
  test.each(['full', 'lora', 'partly adapted'])(
    '%s role: the same gradients under every variant',
    async (kind) => {
      const model = await Gemma.random(tiny, { seed: 1, initStd: 0.2, dtype })
      const role = await model.role(
        kind === 'full'
          ? { name: 'r', kind: 'full' }
          : {
              name: 'r',
              kind: 'lora',
              lora: kind === 'lora' ? lora : { ...lora, targets: ['q', 'v', 'up', 'down'] },
            },
      )
      if (kind !== 'full') {
        // B starts at zero and would hide every gradient of A.
        role.configureOptimizer({ beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0 })
        await role.policyStep(batch, nll)
        await role.optimizerStep({ lr: 0.05 })
      }
      const plain = await gradientsOf(role, 'none')
      for (const variant of ['full', 'selective'] as const)
        for (const [name, gradient] of await gradientsOf(role, variant)) {
          const expected = plain.get(name) as Float32Array
          expect(
            expected.some((x) => x !== 0),
            name,
          ).toBe(true)
          expect(relativeError(gradient, expected), `${variant} ${name}`).toBeLessThan(
            dtype === 'float32' ? 1e-6 : 1e-3,
          )
        }
    },
  )
})

test('adapters’ gradients agree with finite differences', async () => {
  const model = await Gemma.random(tiny, { seed: 5, initStd: 0.2 })
  const objective: Objective = { kind: 'nll', weights: ones(batch.scored.length), normaliser: 1 }
  const make = () => model.role({ name: 'r', kind: 'lora', lora })
  const role = await make()
  role.configureOptimizer({ beta1: 0, beta2: 0, eps: 1e30, weightDecay: 0 })
  // A step with an enormous eps moves every parameter along -gradient: p -= (lr / eps) g.
  const warm = await make()
  warm.configureOptimizer({ beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0 })
  await warm.policyStep(batch, objective)
  await warm.optimizerStep({ lr: 0.05 })
  await role.copyFrom(warm)
  const { loss } = await role.policyStep(batch, objective, { checkpoint: 'selective' })
  let squares = 0
  for (const { name, trainable } of role.parameters())
    if (trainable) for (const g of (await role.gradient(name)).data) squares += g * g
  const step = 2e-3 / squares
  await role.optimizerStep({ lr: step * 1e30 })
  const after = await role.policyStep(batch, objective)
  expect((loss - after.loss) / (step * squares)).toBeCloseTo(1, 1)
})

describe('bytes kept', () => {
  const shape: GemmaConfig = { ...tiny, hidden: 48, intermediate: 80, slidingWindow: 16 }
  const tokens = batchOfLengths([33, 31])
  const T = tokens.ids.length
  const s = 4

  // What the layers in between hold: the difference of two depths takes embedding and final norm away.
  async function perLayer(kind: 'full' | 'lora', checkpoint: Checkpointing): Promise<number> {
    const held: number[] = []
    for (const layers of [2, 6]) {
      const config = {
        ...shape,
        layers,
        layerIsGlobal: Array.from({ length: layers }, (_, i) => i % 2 === 1),
      }
      const model = await Gemma.random(config, { seed: 1 })
      const role = await model.role(kind === 'full' ? { name: 'r', kind } : { name: 'r', kind, lora })
      held.push((await role.activationMemory(tokens, { checkpoint })).held)
    }
    return ((held[1] as number) - (held[0] as number)) / 4
  }

  test.each(['full', 'lora'] as const)(
    '%s role: none > selective > full, and their formulas',
    async (kind) => {
      const [none, full, selective] = await Promise.all(variants.map((variant) => perLayer(kind, variant)))
      const { hidden: H, heads: Q, kvHeads: K, headDim: D, intermediate: F } = shape
      expect(full).toBe(T * s * H)
      expect(selective).toBe(T * (s * (3 * H + (2 * Q + 2 * K) * D + 2 * F) + 4 * Q))
      expect(none).toBeGreaterThan(selective as number)
      expect(selective).toBeGreaterThan(full as number)
      // Beside selective, autograd keeps what the elementwise parts gave: three norms' outputs, q and k, the middle of
      // the residual stream, GeGLU, and one rstd per row of the four norms.
      const extra = s * (3 * H + (Q + 2 * K) * D + F) + 4 * 4
      expect(none).toBeLessThanOrEqual((selective as number) + T * extra)
    },
  )

  test('a frozen linear without adapters keeps nothing of its input', async () => {
    const heads = [{ name: 'v', width: 4, seed: 1 }]
    const model = await Gemma.random(shape, { seed: 1 })
    const frozen = await model.role({ name: 'r', kind: 'lora', lora: { ...lora, targets: ['q'] }, heads })
    const adapted = await model.role({ name: 'r', kind: 'lora', lora, heads })
    const [less, more] = [
      (await frozen.activationMemory(tokens)).held,
      (await adapted.activationMemory(tokens)).held,
    ]
    // GeGLU's output is wanted by nobody but down's adapters; o's input and y stay for attention and the norm's sake.
    expect(more - less).toBeGreaterThanOrEqual(shape.layers * T * s * shape.intermediate)
  })
})
