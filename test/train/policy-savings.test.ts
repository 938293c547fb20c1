/** Tokens an actor update does not compute: shared prefixes and rows of weight 0, with losses and ratios unchanged. */
import { describe, expect, test } from 'vitest'
import { DriftGuard } from '../../lib/learn/guard.ts'
import { regressionObjective, weightedObjective } from '../../lib/learn/objectives.ts'
import type { Sequence } from '../../lib/learn/packing.ts'
import type { Role } from '../../lib/native/model.ts'
import type { Tensor } from '../../lib/native/tensor.ts'
import type { Objective, PackedBatch } from '../../lib/native/types.ts'
import {
  type PolicyObjective,
  type PolicyUpdateOptions,
  updatePolicy,
} from '../../lib/train/policy-update.ts'

const tensor = (data: Float32Array) => ({ data, dispose() {} }) as unknown as Tensor<'float32'>

/** A causal "model": a token's log-probability is a fixed function of the ids up to it. */
class FakeActor {
  readonly batches: PackedBatch[] = []
  loss = 0
  updates = 0

  async policyStep(batch: PackedBatch, objective: Objective): ReturnType<Role['policyStep']> {
    this.batches.push(batch)
    const logprobs = Float32Array.from(batch.scored, (t) => {
      const begin = Math.max(...[...batch.offsets].filter((o) => o <= t))
      return -1 - Math.abs(Math.sin(batch.ids.slice(begin, t + 1).reduce((hash, id) => hash * 1.3 + id, 1)))
    })
    const ends = batch.groups ?? batch.offsets.map((o) => batch.scored.filter((t) => t < o).length)
    const result =
      objective.kind === 'regression'
        ? regressionObjective(logprobs, ends, objective)
        : {
            ...weightedObjective(logprobs, ends, objective as Extract<Objective, { kind: 'weighted' }>),
            logRatios: new Float32Array(),
          }
    this.loss += result.loss
    return {
      loss: result.loss,
      logprobs: tensor(logprobs),
      logRatios: tensor(result.logRatios),
    }
  }
  async zeroGradients() {}
  async optimizerStep() {
    this.updates++
    return { gradNorm: 1, clipped: false, step: this.updates }
  }
}

const sequence = (prompt: number[], action: number[]): Sequence => ({
  promptIds: Int32Array.from(prompt),
  actionIds: Int32Array.from(action),
})
const sequences = [
  sequence([1, 2], [3]),
  sequence([7, 7, 7], [8, 9]),
  sequence([1, 2, 3, 4], [5, 6]),
  sequence([1, 2, 3, 4, 5, 6, 1], [2]),
  sequence([4, 4], [4]),
]
const tokens = sequences.reduce((sum, s) => sum + s.promptIds.length + s.actionIds.length, 0)
const counts = sequences.map((s) => s.actionIds.length)
const offsets = Int32Array.from([0, ...counts.map((_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b))])
const reference = { logprobs: new Float32Array(offsets.at(-1) as number).fill(-1.5), offsets }
const advantages = Float32Array.of(0.5, 0, -0.3, 0.8, 0)

async function update(
  objective: PolicyObjective,
  more: Partial<PolicyUpdateOptions> & { weights?: Float32Array } = {},
) {
  const { weights = new Float32Array(5).fill(1), ...options } = more
  const actor = new FakeActor()
  const result = await updatePolicy(
    actor,
    { sequences, advantages, weights, reference },
    {
      objective,
      epochs: 1,
      batchSize: 5,
      maxTokens: 1000,
      schedule: { kind: 'constant', peak: 1, warmup: 0, final: 1 },
      clipNorm: 0,
      checkpoint: 'none',
      seed: 1,
      guard: new DriftGuard({ limit: -1e9, window: 100, minimum: 1 }),
      ...options,
    },
    () => {},
  )
  return { actor, result }
}
const regression: PolicyObjective = {
  kind: 'regression',
  beta: 0.5,
  lengthNormalised: true,
  positiveOnly: false,
}

describe('savings', () => {
  test('shared prefixes: the same loss and log-ratios from fewer tokens', async () => {
    const plain = await update(regression)
    const packed = await update(regression, { packPrefixes: true })
    expect(plain.result.tokens).toEqual({ computed: tokens, sharedPrefix: 0, weightless: 0 })
    expect(packed.result.tokens).toEqual({ computed: tokens - 9, sharedPrefix: 9, weightless: 0 })
    expect(packed.actor.loss).toBeCloseTo(plain.actor.loss, 5)
    packed.result.logRatios.forEach((ratio, i) => {
      expect(ratio).toBeCloseTo(plain.result.logRatios[i] as number, 5)
    })
  })

  test('a regression keeps rows of zero advantage, and leaves out only those of weight 0', async () => {
    expect((await update(regression)).result.tokens.weightless).toBe(0)
    const weights = Float32Array.of(1, 0, 1, 1, 1)
    // A weight of 0 given from outside keeps a row out of the plan altogether.
    expect((await update(regression, { weights })).result.tokens.computed).toBe(tokens - 5)
    const positive = await update({ ...regression, positiveOnly: true })
    expect(positive.result.tokens).toEqual({ computed: 3 + 8, sharedPrefix: 0, weightless: 5 + 6 + 3 })
    expect([...positive.result.logRatios].map(Number.isNaN)).toEqual([false, true, true, false, true])
    // The normaliser stays that of the whole batch: the loss is what it was with the rows in it.
    const { logRatios } = (await update(regression)).result
    const loss = [0, 3].reduce(
      (sum, row) => sum + (0.5 * (logRatios[row] as number) - (advantages[row] as number)) ** 2 / 5,
      0,
    )
    expect(positive.actor.loss).toBeCloseTo(loss, 6)
  })

  test('micro-batches are filled with what is computed', async () => {
    const plain = await update(regression, { maxTokens: 16 })
    const packed = await update(regression, { maxTokens: 16, packPrefixes: true })
    expect(packed.actor.batches.length).toBeLessThan(plain.actor.batches.length)
    for (const { actor } of [plain, packed])
      for (const batch of actor.batches) expect(batch.ids.length).toBeLessThanOrEqual(16)
    expect(packed.actor.loss).toBeCloseTo(plain.actor.loss, 5)
  })

  test('a batch without anything to learn from leaves the weights and momentum alone', async () => {
    const { actor, result } = await update(
      { ...regression, positiveOnly: true },
      { batchSize: 1, weights: Float32Array.of(0, 1, 1, 0, 1) },
    )
    expect(actor.updates).toBe(0)
    expect(result.steps).toBe(3)
    expect(result.tokens.weightless).toBe(5 + 6 + 3)
  })
})
