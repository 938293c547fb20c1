/** Out of memory in the middle of training: told, halved once, and no gradient counted twice; with a role of our own. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DriftGuard } from '../../lib/learn/guard.ts'
import { type Sequence, sequenceLengths } from '../../lib/learn/packing.ts'
import type { Role } from '../../lib/native/model.ts'
import type { NativeMemory, Objective, PackedBatch } from '../../lib/native/types.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { memoryPlan } from '../../lib/plan/plan.ts'
import { publishedShape } from '../../lib/plan/published.ts'
import { planInput } from '../../lib/plan/settings.ts'
import { trainCritic } from '../../lib/train/critic-training.ts'
import { imitate } from '../../lib/train/imitation.ts'
import { HalvingMemory, OutOfMemoryError } from '../../lib/train/pass-memory.ts'
import { updatePolicy } from '../../lib/train/policy-update.ts'
import { actionLogprobs, stateScores } from '../../lib/train/scoring.ts'

const MAX_TOKENS = 64

/** Ids that name their sequence, so that a sum over them says which sequences were seen, and how often. */
const sequences: Sequence[] = Array.from({ length: 12 }, (_, i) => ({
  promptIds: Int32Array.from({ length: 5 + (i % 4) }, () => i + 1),
  actionIds: Int32Array.from({ length: 2 + (i % 3) }, () => i + 1),
}))

function outOfMemory(code = 'ERR_CUDA_OOM'): Error {
  return Object.assign(new Error('CUDA out of memory. Tried to allocate 2.00 GiB'), {
    code,
    verb: 'policyStep',
  })
}

const tensor = (data: Float32Array) => ({ data, dispose() {} })

/**
 * A role whose "gradient" is a sum over what it was shown; fails at the given passes, after having added half of
 * its gradient, as a backward pass that stops in the middle does.
 */
class Double {
  readonly passes: number[] = []
  /** Gradient at every optimizer step. */
  readonly steps: number[] = []
  #gradient = 0
  readonly #fails: (pass: number) => Error | undefined

  constructor(fails: (pass: number) => Error | undefined = () => undefined) {
    this.#fails = fails
  }

  #pass(batch: PackedBatch): number {
    const seen = batch.ids.reduce((sum, id) => sum + id, 0)
    const error = this.#fails(this.passes.push(batch.ids.length) - 1)
    this.#gradient += error ? seen / 2 : seen
    if (error) throw error
    return seen
  }

  async policyStep(batch: PackedBatch, objective: Objective) {
    const loss = this.#pass(batch)
    const ratios = objective.kind === 'regression' ? objective.advantages.length : 0
    return {
      loss,
      logprobs: tensor(new Float32Array(batch.scored.length)),
      logRatios: tensor(new Float32Array(ratios)),
    }
  }
  async criticStep(batch: PackedBatch) {
    const loss = this.#pass(batch)
    return { loss, lossPerHead: [loss], scores: tensor(new Float32Array(batch.offsets.length - 1)) }
  }
  async logprobs(batch: PackedBatch) {
    this.#pass(batch)
    return { logprobs: tensor(Float32Array.from(batch.scored, (t) => batch.ids[t] as number)) }
  }
  async scores(batch: PackedBatch) {
    this.#pass(batch)
    const first = Float32Array.from(batch.offsets.subarray(0, -1), (t) => batch.ids[t] as number)
    return tensor(first)
  }
  async optimizerStep() {
    this.steps.push(this.#gradient)
    this.#gradient = 0
    return { gradNorm: 1, clipped: false, step: this.steps.length }
  }
  async zeroGradients() {
    this.#gradient = 0
  }
  get role(): Role {
    return this as unknown as Role
  }
}

const measured: NativeMemory = {
  device: 'cuda:0',
  allocatedBytes: 120e9,
  reservedBytes: 130e9,
  peakBytes: 138e9,
  availableBytes: 2e9,
  totalBytes: 149e9,
}

function memory() {
  const told: string[] = []
  let released = 0
  const config = loadConfig({ preset: 'gemma3-12b' })
  const plan = memoryPlan(planInput(config, publishedShape('12b'), 'cuda'))
  const account = {
    memory: async () => measured,
    release: async () => {
      released++
    },
    held: () => ({ cache: 27.9e9, external: 0 }),
  }
  return {
    halving: new HalvingMemory(account, plan, (message) => told.push(message)),
    told,
    released: () => released,
  }
}

type Trains = (double: Double, memory?: HalvingMemory) => Promise<unknown>

const policy: Trains = (double, memory) =>
  updatePolicy(
    double.role,
    {
      sequences,
      advantages: new Float32Array(12).fill(0.5),
      weights: new Float32Array(12).fill(1),
      reference: {
        logprobs: new Float32Array(sequences.reduce((n, s) => n + s.actionIds.length, 0)),
        offsets: Int32Array.from({ length: 13 }, (_, i) =>
          sequences.slice(0, i).reduce((n, s) => n + s.actionIds.length, 0),
        ),
      },
    },
    {
      objective: { kind: 'regression', beta: 1, lengthNormalised: false, positiveOnly: false },
      epochs: 2,
      batchSize: 8,
      maxTokens: MAX_TOKENS,
      schedule: { kind: 'constant', peak: 1e-3, warmup: 0, final: 1 },
      clipNorm: 1,
      checkpoint: 'none',
      seed: 3,
      guard: new DriftGuard({ limit: -1, window: 8, minimum: 1 }),
      ...(memory ? { memory } : {}),
    },
    () => {},
  )

const imitation: Trains = (double, memory) =>
  imitate(
    double.role,
    sequences,
    {
      epochs: 2,
      batchSize: 8,
      maxTokens: MAX_TOKENS,
      schedule: { kind: 'constant', peak: 1e-3, warmup: 0, final: 1 },
      clipNorm: 1,
      promptWeight: 0,
      checkpoint: 'none',
      seed: 3,
      ...(memory ? { memory } : {}),
    },
    () => {},
  )

const critic: Trains = (double, memory) =>
  trainCritic(
    double.role,
    {
      transitions: sequences,
      targets: new Float32Array(12),
      weights: new Float32Array(12).fill(1),
      losses: ['bce'],
    },
    {
      epochs: 2,
      batchSize: 8,
      maxTokens: 32,
      schedule: { kind: 'constant', peak: 1e-3, warmup: 0, final: 1 },
      clipNorm: 1,
      checkpoint: 'none',
      seed: 3,
      ...(memory ? { memory } : {}),
    },
    () => {},
  )

describe.each([
  ['the actor', policy],
  ['imitation', imitation],
  ['a critic', critic],
] as const)('%s', (_, train) => {
  test('a pass that runs out of memory changes no optimizer step, whichever it is', async () => {
    const whole = new Double()
    await train(whole)
    expect(whole.passes.length).toBeGreaterThan(whole.steps.length)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.passes.length - 1),
        fc.constantFrom('ERR_CUDA_OOM', 'ERR_OUT_OF_MEMORY'),
        async (at, code) => {
          const { halving, told, released } = memory()
          const double = new Double((pass) => (pass === at ? outOfMemory(code) : undefined))
          await train(double, halving)
          expect(double.steps).toEqual(whole.steps)
          expect(told).toHaveLength(1)
          expect(released()).toBe(1)
          // No pass after it is as large as before, but for single sequences, which cannot be cut.
          const longest = Math.max(...sequenceLengths(sequences))
          const limit = Math.max(longest, (train === critic ? 32 : MAX_TOKENS) / 2)
          expect(Math.max(...double.passes.slice(at + 1))).toBeLessThanOrEqual(limit)
        },
      ),
      { numRuns: 20 },
    )
  })
  test('a second time ends it, with who holds what', async () => {
    const { halving, told } = memory()
    const cause = outOfMemory()
    const error = await train(new Double((pass) => (pass >= 1 ? cause : undefined)), halving).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_MEMORY', cause })
    for (const text of [told[0] as string, (error as Error).message]) {
      expect(text).toContain('Measured on cuda:0: 120 GB in tensors (peak 138 GB), 130 GB reserved')
      expect(text).toContain('keys and values 27.9 GB')
      expect(text).toMatch(/Planned: weights 23\.5 GB, .*activations 8\d\.\d GB/)
    }
    expect((error as Error).message).toContain('lower policy.maxTokens')
  })
})

test('other errors are passed on as they are, and nothing is halved', async () => {
  const { halving, told } = memory()
  const other = Object.assign(new Error('lost'), { code: 'ERR_CUDA_FATAL' })
  await expect(policy(new Double(() => other), halving)).rejects.toBe(other)
  expect(told).toEqual([])
})

test('scoring repeats what failed and returns the same numbers', async () => {
  const whole = await actionLogprobs(new Double().role, sequences, { maxTokens: MAX_TOKENS, temperature: 1 })
  const { halving, told } = memory()
  const failing = new Double((pass) => (pass === 1 ? outOfMemory() : undefined))
  const again = await actionLogprobs(failing.role, sequences, {
    maxTokens: MAX_TOKENS,
    temperature: 1,
    memory: halving,
  })
  expect(again).toEqual(whole)
  expect(told).toHaveLength(1)
  // The limit stays halved for what comes next, and is not halved again.
  const states = new Double()
  expect(await stateScores(states.role, sequences, 1, { maxTokens: MAX_TOKENS, memory: halving })).toEqual(
    Float32Array.from(sequences, (s) => s.promptIds[0] as number),
  )
  expect(Math.max(...states.passes)).toBeLessThanOrEqual(MAX_TOKENS / 2)
})
