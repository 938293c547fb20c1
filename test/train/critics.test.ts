/** The two forms of the critics: which states each role sees, at which rate, and that their scores mean the same. */
import { expect, test } from 'vitest'
import type { Role } from '../../lib/native/model.ts'
import type { CriticStepSpec, PackedBatch } from '../../lib/native/types.ts'
import { AdapterCritics, type CriticsTraining, SharedCritics } from '../../lib/train/critics.ts'
import type { Experience } from '../../lib/train/experience.ts'

/** Two episodes of two and three steps; the second succeeds and has progress labels. Prompts are [row + 1]. */
const experience: Experience = {
  episodes: [],
  offsets: Int32Array.of(0, 2, 5),
  transitions: Array.from({ length: 5 }, (_, i) => ({
    promptIds: Int32Array.of(i + 1),
    actionIds: Int32Array.of(9),
  })),
  outcomes: Uint8Array.of(0, 1),
  labels: [undefined, Float32Array.of(0, 0.25, 0.5, 1)],
}

const options: CriticsTraining = {
  epochs: 1,
  batchSize: 8,
  maxTokens: 64,
  learningRates: { value: 1e-6, potential: 2e-5 },
  headWeights: { value: 1, potential: 2 },
  clipNorm: 1,
  checkpoint: 'none',
  seed: 1,
}

/** Remembers what it was trained on; its score of a state is a function of head and state. */
class Double {
  readonly seen: { state: number; spec: CriticStepSpec; row: number }[] = []
  readonly rates: number[] = []
  readonly #heads: readonly number[]
  constructor(heads: readonly number[]) {
    this.#heads = heads
  }
  async criticStep(batch: PackedBatch, spec: CriticStepSpec) {
    batch.ids.forEach((state, row) => {
      this.seen.push({ state, spec, row })
    })
    return { loss: 1, lossPerHead: spec.losses.map(() => 1), scores: { dispose() {} } }
  }
  async optimizerStep({ lr }: { lr: number }) {
    this.rates.push(lr)
    return { gradNorm: 1, clipped: false, step: 1 }
  }
  async zeroGradients() {}
  async scores(batch: PackedBatch) {
    const data = Float32Array.from(
      [...batch.ids].flatMap((state) => this.#heads.map((head) => head * 10 + state)),
      (x) => x / 10,
    )
    return { data, dispose() {} }
  }
  /** [state, target, weight, loss] of one head, by state. */
  learned(head = 0) {
    return this.seen
      .map(({ state, spec, row }) => {
        const at = row * spec.losses.length + head
        return [state, spec.targets[at], spec.weights[at], spec.losses[head]]
      })
      .sort((a, b) => (a[0] as number) - (b[0] as number))
  }
  get role(): Role {
    return this as unknown as Role
  }
}

test('adapters: the value critic sees all states, the potential critic those of successes, each at its rate', async () => {
  const [value, potential] = [new Double([0]), new Double([1])]
  const reported: object[] = []
  await new AdapterCritics(value.role, potential.role).train(experience, options, (_, losses) =>
    reported.push(losses),
  )
  expect(value.learned()).toEqual([
    [1, 0, 1, 'bce'],
    [2, 0, 1, 'bce'],
    [3, 1, 1, 'bce'],
    [4, 1, 1, 'bce'],
    [5, 1, 1, 'bce'],
  ])
  expect(potential.learned()).toEqual([
    [3, 0, 2, 'mse'],
    [4, 0.25, 2, 'mse'],
    [5, 0.5, 2, 'mse'],
  ])
  expect([value.rates, potential.rates]).toEqual([[1e-6], [2e-5]])
  expect(reported).toEqual([{ value: 1 }, { potential: 1 }])
})

test('a shared trunk learns the same targets in one pass, at the value critic’s rate', async () => {
  const shared = new Double([0, 1])
  await new SharedCritics(shared.role).train(experience, options, () => {})
  expect(shared.learned(0).map((row) => row.slice(0, 3))).toEqual(
    [1, 2, 3, 4, 5].map((state) => [state, state > 2 ? 1 : 0, 1]),
  )
  expect(shared.learned(1).filter((row) => row[2] !== 0)).toEqual([
    [3, 0, 2, 'mse'],
    [4, 0.25, 2, 'mse'],
    [5, 0.5, 2, 'mse'],
  ])
  expect(shared.rates).toEqual([1e-6])
})

test('scores of either form are probabilities in the order of the states', async () => {
  const states = experience.transitions
  const own = await new AdapterCritics(new Double([0]).role, new Double([1]).role).scores(states, {
    maxTokens: 2,
  })
  const shared = await new SharedCritics(new Double([0, 1]).role).scores(states, { maxTokens: 2 })
  expect(own).toEqual(shared)
  expect(own.values[4]).toBeCloseTo(1 / (1 + Math.exp(-0.5)), 6)
  expect(own.potentials[0]).toBeCloseTo(1 / (1 + Math.exp(-1.1)), 6)
})
