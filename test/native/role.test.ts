/** Objectives, critics, roles that share or copy weights, checkpointing and cancellation. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAbortError } from '../../lib/native/errors.ts'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type { Objective } from '../../lib/native/types.ts'
import { batchOfLengths, ones, relativeError, tiny } from './gemma-kit.ts'

const model = await Gemma.random(tiny, { seed: 1, initStd: 0.2 })
const lora = { rank: 2, alpha: 4, seed: 3 }
const full = () => model.role({ name: 'full', kind: 'full', copy: true })

async function gradients(role: Role): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>()
  for (const { name, trainable } of role.parameters())
    if (trainable) all.set(name, (await role.gradient(name)).data)
  return all
}

test('checkpointed and plain steps give equal numbers, full and LoRA', async () => {
  const batch = batchOfLengths([12, 7])
  for (const role of [await full(), await model.role({ name: 'lora', kind: 'lora', lora })]) {
    const found: { loss: number; gradients: Map<string, Float32Array> }[] = []
    for (const checkpoint of ['none', 'full'] as const) {
      const step = await role.policyStep(
        batch,
        { kind: 'nll', weights: ones(batch.scored.length), normaliser: 3 },
        { checkpoint },
      )
      found.push({ loss: step.loss, gradients: await gradients(role) })
      await role.zeroGradients()
    }
    expect(found[1]).toEqual(found[0])
    const values = [...(found[0]?.gradients.values() ?? [])]
    expect(values.some((g) => g.some((x) => x !== 0))).toBe(true)
  }
})

test('two accumulated steps equal one step over both batches', async () => {
  const [a, b] = [batchOfLengths([9, 4]), batchOfLengths([6], tiny.vocab, 5)]
  const shift = a.ids.length
  const joint = {
    ids: Int32Array.of(...a.ids, ...b.ids),
    offsets: Int32Array.of(...a.offsets, ...b.offsets.slice(1).map((o) => o + shift)),
    scored: Int32Array.of(...a.scored, ...b.scored.map((t) => t + shift)),
  }
  const nll = (n: number): Objective => ({ kind: 'nll', weights: ones(n), normaliser: 10 })
  const role = await full()
  await role.policyStep(a, nll(a.scored.length))
  await role.policyStep(b, nll(b.scored.length))
  const twice = await gradients(role)
  await role.zeroGradients()
  await role.policyStep(joint, nll(joint.scored.length))
  for (const [name, gradient] of await gradients(role)) {
    expect(relativeError(twice.get(name) ?? [], gradient), name).toBeLessThan(1e-5)
  }
})

describe('objectives', () => {
  const batch = batchOfLengths([6, 9, 3])
  const N = batch.scored.length
  const sequence = Array.from(batch.scored, (t) => batch.offsets.findIndex((o) => o > t) - 1)
  const vector = (n: number, seed: number) =>
    Float32Array.from({ length: n }, (_, i) => Math.sin(seed + i * 1.7))
  const counts = [0, 1, 2].map((b) => sequence.filter((s) => s === b).length)

  // Value and derivative in plain float64, by the definition in lib/native/types.ts.
  function reference(objective: Objective, logp: Float32Array): { loss: number; gradient: number[] } {
    const at = (v: Float32Array, i: number) => v[i] as number
    if (objective.kind === 'gradient')
      return {
        loss: logp.reduce((s, l, n) => s + at(objective.gradient, n) * l, 0),
        gradient: [...objective.gradient],
      }
    if (objective.kind === 'regression') {
      const rho = [0, 1, 2].map((b) => {
        const sum = logp.reduce((s, l, n) => s + (sequence[n] === b ? l - at(objective.reference, n) : 0), 0)
        return objective.lengthNormalised ? sum / (counts[b] as number) : sum
      })
      const error = rho.map((r, b) => objective.beta * r - at(objective.advantages, b))
      return {
        loss: error.reduce((s, e, b) => s + (at(objective.weights, b) * e * e) / objective.normaliser, 0),
        gradient: sequence.map(
          (b) =>
            (2 * at(objective.weights, b) * (error[b] as number) * objective.beta) /
            objective.normaliser /
            (objective.lengthNormalised ? (counts[b] as number) : 1),
        ),
      }
    }
    const w = (n: number) => at(objective.weights, objective.kind === 'nll' ? n : (sequence[n] as number))
    return {
      loss: logp.reduce((s, l, n) => s - (w(n) * l) / objective.normaliser, 0),
      gradient: sequence.map((_, n) => -w(n) / objective.normaliser),
    }
  }

  const regression = (lengthNormalised: boolean): Objective => ({
    kind: 'regression',
    beta: 0.7,
    advantages: vector(3, 1),
    reference: vector(N, 2).map((x) => x - 3),
    weights: Float32Array.of(1, 0.5, 2),
    normaliser: 4,
    lengthNormalised,
  })
  test.each([
    ['nll', { kind: 'nll', weights: vector(N, 0), normaliser: 5 }],
    ['regression', regression(false)],
    ['regression, length-normalised', regression(true)],
    ['weighted', { kind: 'weighted', weights: Float32Array.of(1, -2, 0.5), normaliser: 3 }],
    ['gradient', { kind: 'gradient', gradient: vector(N, 4) }],
  ] as [string, Objective][])('%s: loss and gradient follow its definition', async (_, objective) => {
    const role = await full()
    const step = await role.policyStep(batch, objective)
    const expected = reference(objective, step.logprobs.data)
    expect(step.loss).toBeCloseTo(expected.loss, 3)
    const direct = await gradients(role)
    await role.zeroGradients()
    await role.policyStep(batch, { kind: 'gradient', gradient: Float32Array.from(expected.gradient) })
    for (const [name, gradient] of await gradients(role))
      expect(relativeError(direct.get(name) ?? [], gradient), name).toBeLessThan(1e-5)
    expect(step.logRatios.shape).toEqual(objective.kind === 'regression' ? [3] : [0])
  })

  test('rho is the summed log-ratio of each sequence', async () => {
    const role = await full()
    const reference = (await role.logprobs(batch)).logprobs.data.slice()
    const objective = { ...(regression(false) as Extract<Objective, { kind: 'regression' }>), reference }
    expect(
      [...(await role.policyStep(batch, objective)).logRatios.data].every((rho) => Math.abs(rho) < 1e-4),
    ).toBe(true)
  })

  test('a sequence with nothing scored contributes its constant and no gradient', async () => {
    const role = await full()
    const none = { ...batch, scored: new Int32Array() }
    const step = await role.policyStep(none, {
      ...(regression(true) as Extract<Objective, { kind: 'regression' }>),
      reference: new Float32Array(),
    })
    expect(Number.isFinite(step.loss)).toBe(true)
    for (const gradient of (await gradients(role)).values()) expect(gradient.every((g) => g === 0)).toBe(true)
  })
})

describe('critics', () => {
  const heads = [
    { name: 'value', width: 8, seed: 1 },
    { name: 'potential', width: 5, seed: 2 },
  ]
  const batch = batchOfLengths([6, 9, 3])

  test('scores follow the heads on the last token, losses their definitions, and training lowers them', async () => {
    const role = await model.role({ name: 'critic', kind: 'lora', lora, heads })
    const scores = await role.scores(batch)
    expect(scores.shape).toEqual([3, 2])
    const spec = {
      targets: Float32Array.of(1, 0.2, 0, 0.9, 1, 0.5),
      weights: Float32Array.of(1, 1, 1, 0, 2, 0.5),
      losses: ['bce', 'mse'] as ('bce' | 'mse')[],
      normaliser: 3,
    }
    const step = await role.criticStep(batch, spec)
    expect(step.scores.data).toEqual(scores.data)
    const per = [0, 0]
    scores.data.forEach((s, i) => {
      const [y, w, p] = [spec.targets[i] as number, spec.weights[i] as number, 1 / (1 + Math.exp(-s))]
      const loss = i % 2 === 0 ? -(y * Math.log(p) + (1 - y) * Math.log(1 - p)) : (p - y) ** 2
      per[i % 2] = (per[i % 2] as number) + (w * loss) / spec.normaliser
    })
    expect(step.lossPerHead[0]).toBeCloseTo(per[0] as number, 5)
    expect(step.lossPerHead[1]).toBeCloseTo(per[1] as number, 5)
    expect(step.loss).toBeCloseTo((per[0] as number) + (per[1] as number), 5)
    role.configureOptimizer({ beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0 })
    let last = step.loss
    for (let i = 0; i < 30; i++) {
      await role.optimizerStep({ lr: 0.01 })
      last = (await role.criticStep(batch, spec)).loss
    }
    expect(last).toBeLessThan(step.loss / 2)
  })

  test('the gradient of a critic loss is that of the scores, summed in the head biases', async () => {
    const role = await model.role({ name: 'critic', kind: 'lora', heads })
    const spec = {
      targets: Float32Array.of(1, 0.2, 0, 0.9, 1, 0.5),
      weights: ones(6),
      losses: ['bce', 'mse'] as ('bce' | 'mse')[],
      normaliser: 1,
    }
    const step = await role.criticStep(batch, spec)
    // b2 shifts its head's score: dL/db2 is the sum of dL/dscore.
    const sums = [0, 0]
    step.scores.data.forEach((s, i) => {
      const [y, p] = [spec.targets[i] as number, 1 / (1 + Math.exp(-s))]
      sums[i % 2] = (sums[i % 2] as number) + (i % 2 === 0 ? p - y : 2 * (p - y) * p * (1 - p))
    })
    expect((await role.gradient('heads.value.b2')).data[0]).toBeCloseTo(sums[0] as number, 5)
    expect((await role.gradient('heads.potential.b2')).data[0]).toBeCloseTo(sums[1] as number, 5)
  })

  test('wrong targets are refused by field', async () => {
    const role = await model.role({ name: 'critic', kind: 'lora', heads })
    const spec = {
      targets: ones(6),
      weights: ones(6),
      losses: ['bce', 'mse'] as ('bce' | 'mse')[],
      normaliser: 1,
    }
    await expect(role.criticStep(batch, { ...spec, targets: ones(5) })).rejects.toThrow(/spec\.targets/)
    await expect(role.criticStep(batch, { ...spec, targets: ones(6).fill(2) })).rejects.toThrow(/\[0, 1\]/)
    await expect(role.criticStep(batch, { ...spec, losses: ['bce'] })).rejects.toThrow(/spec\.losses/)
    await expect((await full()).criticStep(batch, spec)).rejects.toThrow(/no heads/)
    await expect(role.policyStep(batch, { kind: 'nll', weights: ones(15), normaliser: 1 })).rejects.toThrow(
      /heads only/,
    )
  })
})

describe('sharing', () => {
  const batch = batchOfLengths([10, 5])
  const nll: Objective = { kind: 'nll', weights: ones(batch.scored.length), normaliser: 1 }
  const adamw = { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0 }

  test('a copy trains apart, copyFrom brings it back, and a role without copy changes the model', async () => {
    const shared = await Gemma.random(tiny, { seed: 2, initStd: 0.2 })
    const frozen = await shared.role({ name: 'reference', kind: 'lora', lora })
    const before = (await frozen.logits(batch)).data.slice()
    const copy = await shared.role({ name: 'copy', kind: 'full', copy: true })
    const own = await shared.role({ name: 'own', kind: 'full' })
    for (const role of [copy, own]) role.configureOptimizer(adamw)
    await copy.policyStep(batch, nll)
    await copy.optimizerStep({ lr: 0.01 })
    expect((await frozen.logits(batch)).data).toEqual(before)
    expect((await copy.logits(batch)).data).not.toEqual(before)
    await copy.copyFrom(own)
    expect((await copy.logits(batch)).data).toEqual(before)
    await own.policyStep(batch, nll)
    // A LoRA role over the same storage has gradients of its own, and leaves the weights' alone.
    await frozen.policyStep(batch, nll)
    await frozen.zeroGradients()
    await own.optimizerStep({ lr: 0.01 })
    expect((await frozen.logits(batch)).data).not.toEqual(before)
    await expect(copy.copyFrom(frozen)).rejects.toThrow(/structure/)
  })

  test('wrong role specs are refused by field', async () => {
    await expect(model.role({ name: 'x', kind: 'lora' })).rejects.toThrow(/role\.lora/)
    await expect(model.role({ name: 'x', kind: 'full', lora })).rejects.toThrow(/takes no adapters/)
    await expect(model.role({ name: 'x', kind: 'lora', copy: true, lora })).rejects.toThrow(/role\.copy/)
    await expect(
      model.role({ name: 'x', kind: 'lora', lora: { ...lora, targets: ['z' as 'q'] } }),
    ).rejects.toThrow(/lora\.targets/)
    const head = { name: 'v', width: 4, seed: 0 }
    await expect(model.role({ name: 'x', kind: 'full', heads: [head, head] })).rejects.toThrow(/occurs twice/)
  })

  test('only the named LoRA targets are adapted', async () => {
    const role = await model.role({ name: 'x', kind: 'lora', lora: { ...lora, targets: ['q', 'v'] } })
    const names = role
      .parameters()
      .filter((parameter) => parameter.trainable)
      .map((parameter) => parameter.name)
    expect(names.length).toBe(tiny.layers * 2 * 2)
    expect(names.every((name) => /self_attn\.(q|v)_proj\.lora_[AB]\.weight$/.test(name))).toBe(true)
    expect(names[0]).toBe('base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight')
  })
})

test('an aborted step rejects with AbortError and leaves no gradient', async () => {
  const role = await full()
  const batch = batchOfLengths([10])
  const nll: Objective = { kind: 'nll', weights: ones(9), normaliser: 1 }
  const error = await role.policyStep(batch, nll, { signal: AbortSignal.abort() }).catch((e: unknown) => e)
  expect(isAbortError(error)).toBe(true)
  for (const gradient of (await gradients(role)).values()) expect(gradient.every((g) => g === 0)).toBe(true)
})

test('probabilities over the vocabulary sum to one, whatever the chunk and temperature', async () => {
  const role = await full()
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.double({ min: 0.3, max: 3, noNaN: true }),
      async (chunk, temperature) => {
        let mass = 0
        // The same prefix with every possible last token, all in one batch.
        const lengths = Array.from({ length: tiny.vocab }, () => 4)
        const batch = batchOfLengths(lengths)
        for (let v = 0; v < tiny.vocab; v++) batch.ids.set([3, 8, 20, v], v * 4)
        const scored = Int32Array.from({ length: tiny.vocab }, (_, v) => v * 4 + 3)
        const { logprobs } = await role.logprobs({ ...batch, scored }, { temperature, chunk })
        for (const logp of logprobs.data) mass += Math.exp(logp)
        expect(mass).toBeCloseTo(1, 4)
      },
    ),
    { numRuns: 10 },
  )
})
