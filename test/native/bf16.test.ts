/**
 * A bfloat16 model of Gemma3-1B's widths, cut to 4 layers, trains and generates beside Hugging Face: log-probabilities
 * and losses over AdamW steps are about as near to a float32 run as Hugging Face's own bfloat16 run is. Both sides
 * compute the weights from one formula; scripts/fixtures/gemma_bf16.py wrote the rest.
 *
 * MIRA_TEST_BF16_FIXTURE names another fixture of that script, say one with the vocabulary of 262144.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Generator } from '../../lib/native/generator.ts'
import type { NativeModel, NativeRole } from '../../lib/native/types.ts'
import { oneB, seededModel } from './bf16-kit.ts'
import { batchOf, fixture, floats, tensors } from './gemma-kit.ts'
import { floats as floatsOf } from './generation-kit.ts'

const file = process.env.MIRA_TEST_BF16_FIXTURE ?? fixture('bf16/expected.safetensors')
const MINUTES = (process.env.MIRA_TEST_BF16_FIXTURE ? 30 : 4) * 60_000

let expected: Awaited<ReturnType<typeof tensors>>
let model: NativeModel
let role: NativeRole
beforeAll(async () => {
  expected = await tensors(file)
  model = await seededModel(oneB((expected.get('vocab') as Int32Array)[0] as number))
  role = await model.role({ name: 'actor', kind: 'full' })
}, MINUTES)
afterAll(() => {
  role?.dispose()
  model?.dispose()
})

const gaps = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (x, i) => Math.abs(x - (b[i] as number)))
const mean = (x: number[]) => x.reduce((sum, value) => sum + value, 0) / x.length

/** Our distance from float32 against Hugging Face's own. */
function expectNear(ours: ArrayLike<number>, key: string): void {
  const reference = floats(expected, `float32.${key}`)
  expect(ours.length).toBe(reference.length)
  const own = gaps(ours, reference)
  const theirs = gaps(floats(expected, `bfloat16.${key}`), reference)
  expect(mean(theirs)).toBeGreaterThan(0)
  expect(mean(own)).toBeLessThanOrEqual(1.25 * mean(theirs))
  expect(Math.max(...own)).toBeLessThanOrEqual(1.5 * Math.max(...theirs))
}

const logprobs = async (exact: boolean) => {
  const found = await role.logprobs(batchOf(expected), { temperature: 1, entropy: false, chunk: 64, exact })
  return floatsOf(found.logprobs).slice()
}

describe('before training', () => {
  test('log-probabilities are beside those of Hugging Face', { timeout: MINUTES }, async () => {
    const found = await logprobs(false)
    expectNear(found, 'first')
    // Not merely both far from float32: they are near each other as well.
    const between = mean(gaps(found, floats(expected, 'bfloat16.first')))
    const theirs = mean(gaps(floats(expected, 'bfloat16.first'), floats(expected, 'float32.first')))
    expect(between).toBeLessThanOrEqual(2 * theirs)
  })

  test('so are those of exact mode', { timeout: MINUTES }, async () =>
    expectNear(await logprobs(true), 'first'),
  )

  test.each(['packed', 'slots'] as const)(
    'greedy generation follows float32 while its choice is clear: %s decoder',
    { timeout: MINUTES },
    async (decoder) => {
      const ids = batchOf(expected).ids.slice(0, 24)
      const wanted = expected.get('greedy.ids') as Int32Array
      const margins = floats(expected, 'greedy.margins')
      const error = Math.max(...gaps(floats(expected, 'bfloat16.first'), floats(expected, 'float32.first')))
      // Up to the first token whose lead over the next is within what bfloat16 can turn.
      const unclear = margins.findIndex((margin) => margin <= 4 * error)
      const clear = unclear < 0 ? margins.length : unclear
      expect(clear).toBeGreaterThan(0)
      const generator = Generator.of(role, { slots: 1, maxLength: 64, decoder })
      const result = await generator.generate({ ids, maxNewTokens: clear, temperature: 0 })
      generator.dispose()
      expect([...result.ids]).toEqual([...wanted.slice(0, clear)])
      const own = gaps(result.logprobs, floats(expected, 'greedy.logprobs').slice(0, clear))
      expect(Math.max(...own)).toBeLessThanOrEqual(1.5 * error)
    },
  )
})

describe('training with a float32 master', () => {
  test('losses and the log-probabilities after them are beside those of Hugging Face', {
    timeout: MINUTES,
  }, async () => {
    const batch = batchOf(expected)
    const [lr, beta1, beta2, eps, weightDecay] = floats(expected, 'adamw') as unknown as number[]
    role.configureOptimizer({
      beta1: beta1 as number,
      beta2: beta2 as number,
      eps: eps as number,
      weightDecay: weightDecay as number,
    })
    const normaliser = batch.scored.length
    const objective = { kind: 'nll', weights: new Float32Array(normaliser).fill(1), normaliser } as const
    const losses: number[] = []
    const reference = floats(expected, 'float32.losses')
    for (let step = 0; step + 1 < reference.length; step++) {
      losses.push((await role.policyStep(batch, objective, { checkpoint: 'none', chunk: 64 })).loss)
      await role.optimizerStep({ lr: lr as number, clipNorm: 0 })
    }
    const last = await logprobs(false)
    losses.push(-last.reduce((sum, x) => sum + x, 0) / last.length)
    expect(losses.at(-1)).toBeLessThan(losses[0] as number)
    // Errors of tokens cancel in a mean, so that either run can be near by luck: a hundredth of what training has
    // gained is allowed beside Hugging Face's own gap.
    const gained = (reference[0] as number) - (reference.at(-1) as number)
    for (const [i, gap] of gaps(losses, reference).entries()) {
      const theirs = Math.abs((floats(expected, 'bfloat16.losses')[i] as number) - (reference[i] as number))
      expect(gap).toBeLessThanOrEqual(1.5 * theirs + 0.01 * gained)
    }
    expectNear(last, 'last')
  })
})
