/** The memory plan's arithmetic, against the published sizes of Gemma3 and hand-computed budgets of its 12B. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../lib/config/load.ts'
import { PUBLISHED_MODELS } from '../../lib/config/sections/model.ts'
import { LORA_TARGETS } from '../../lib/config/sections/training.ts'
import { savedBytes } from '../../lib/plan/activations.ts'
import { formatBytes, parseBytes } from '../../lib/plan/bytes.ts'
import { suggestions } from '../../lib/plan/fit.ts'
import { ringBytes, sequenceBytes, tokenBytes } from '../../lib/plan/kv-cache.ts'
import { gradientBytes, optimizerBytes, stateBytes } from '../../lib/plan/optimizer-state.ts'
import { embeddingParameters, loraParameters, textParameters } from '../../lib/plan/parameters.ts'
import { type HolderName, type MemoryPlan, memoryPlan } from '../../lib/plan/plan.ts'
import { publishedShape } from '../../lib/plan/published.ts'
import { planInput } from '../../lib/plan/settings.ts'
import { planText } from '../../lib/plan/text.ts'

const large = publishedShape('12b')
const GB = 1e9
const GIB = 2 ** 30

/** Within 5% of a published figure. */
function expectNear(bytes: number, gigabytes: number) {
  expect(bytes / GB).toBeGreaterThan(gigabytes * 0.95)
  expect(bytes / GB).toBeLessThan(gigabytes * 1.05)
}

function planOf(preset: string, set: string[] = [], device: 'cpu' | 'cuda' = 'cuda') {
  const config = loadConfig({ preset, set })
  const shape = publishedShape(config.model.published ?? '270m')
  return memoryPlan(planInput(config, shape, device))
}

const holder = (plan: MemoryPlan, name: HolderName) => plan.holders.find((own) => own.name === name)

test('parameters of the five published models', () => {
  const expected = {
    '270m': 268_098_176,
    '1b': 999_885_952,
    '4b': 3_880_263_168,
    '12b': 11_766_034_176,
    '27b': 27_009_346_304,
  }
  for (const name of PUBLISHED_MODELS) expect(textParameters(publishedShape(name))).toBe(expected[name])
  expect(embeddingParameters(large)).toBe(1_006_878_720)
  // 48 layers of 85,248 per unit of rank.
  expect(loraParameters(large, 1, LORA_TARGETS)).toBe(48 * 85_248)
  expect(loraParameters(large, 64, ['q'])).toBe(48 * 64 * (3840 + 4096))
})

describe('12B, published budgets', () => {
  const parameters = textParameters(large)
  test('weights and optimizer storage modes, with bfloat16 weights and gradients', () => {
    expectNear(2 * parameters, 23.5)
    const beside = (state: number) => parameters * (2 + gradientBytes(2, 'parameter') + state)
    expectNear(beside(optimizerBytes(2, 'float32')), 188.3)
    expectNear(beside(optimizerBytes(2, 'split')), 117.7)
    expectNear(beside(stateBytes('split', 'int8')), 94.8)
    expectNear(beside(optimizerBytes(2, 'stochastic')), 94.1)
    expectNear(beside(optimizerBytes(2, 'int8')), 71.3)
  })
  test('one adapter role: parameters, gradients and moments in float32', () => {
    const role = (rank: number) =>
      loraParameters(large, rank, LORA_TARGETS) *
      (4 + gradientBytes(4, 'parameter') + optimizerBytes(4, 'float32'))
    expectNear(role(16), 1.05)
    expectNear(role(64), 4.19)
    expectNear(role(128), 8.38)
    expectNear(3 * role(64), 12.6)
  })
  test('activations per checkpointing variant', () => {
    expectNear(savedBytes(large, 8192, 2, 'full'), 3.02)
    expectNear(savedBytes(large, 16384, 2, 'full'), 6.04)
    // Two residual streams would be 39.9 GB; a third tensor of that width keeps gradients exact.
    expectNear(savedBytes(large, 8192, 2, 'selective'), 39.9 + 3.02)
    expectNear(savedBytes(large, 16384, 2, 'selective'), 79.7 + 6.04)
  })
  test('keys and values', () => {
    expect(8 * tokenBytes(large, 2)).toBe(65_536)
    expectNear(ringBytes(large, 8192, 2), 0.3355)
    expectNear(sequenceBytes(large, 2048, 2), 0.47)
    expectNear(sequenceBytes(large, 8192, 2), 0.872)
    expectNear(sequenceBytes(large, 16384, 2), 1.41)
    expectNear(sequenceBytes(large, 32768, 2), 2.48)
  })
})

describe('the plan of a run', () => {
  test('adapters at 16k without matrix products recomputed: base and roles 36 GB, activations 86 GB', () => {
    const plan = planOf('gemma3-12b')
    const resident = ['weights', 'adapters', 'optimizer', 'gradients'] as const
    // Heads of the critics, 0.5 GB, come on top; gradients exist for one of three roles at a time, 2.1 GB less.
    expectNear(
      resident.reduce((sum, name) => sum + (holder(plan, name)?.update ?? 0), 0),
      23.5 + 12.6,
    )
    // Saved tensors, and what backward works with in one layer.
    expectNear(holder(plan, 'activations')?.update ?? 0, 79.7 + 6.04 + 3.3)
    // Each slot has room for one picture of its rings.
    expectNear(holder(plan, 'kv cache')?.rollout ?? 0, 32 * (0.872 + 0.3355))
    expect(holder(plan, 'kv cache')?.update).toBe(0)
    expect(plan.peak).toBeLessThan(139 * GIB)
  })
  test('full fine-tuning with stochastic rounding at 8k, checkpointed', () => {
    const plan = planOf('gemma3-12b', [
      'training.mode=full',
      'training.checkpointing=full',
      'policy.maxTokens=8192',
      'critics.maxTokens=8192',
      'imitation.maxTokens=8192',
    ])
    const own = ['weights', 'optimizer', 'gradients'] as const
    // The critics are adapters on the same weights: their moments, 4.7 GB, are part of `optimizer` here.
    const critics = 8 * (2 * loraParameters(large, 64, LORA_TARGETS) + 2 * (3840 * 3842 + 1))
    expectNear(own.reduce((sum, name) => sum + (holder(plan, name)?.update ?? 0), 0) - critics, 94.1)
    expect(plan.peak).toBeLessThan(139 * GIB)
  })
  test('every preset fits the GPU that it is meant for', () => {
    const gpus = { 'gemma3-270m': 15, 'gemma3-1b': 39, 'gemma3-4b': 79, 'gemma3-12b': 139, 'gemma3-27b': 139 }
    for (const [preset, size] of Object.entries(gpus)) expect(planOf(preset).peak).toBeLessThan(size * GIB)
    expect(planOf('gemma3-12b', ['training.mode=full', 'training.checkpointing=full']).peak).toBeLessThan(
      139 * GIB,
    )
  })
  test('logits of the 12B preset stay under half a GiB', () => {
    expect(holder(planOf('gemma3-12b'), 'logits')?.update).toBeLessThan(0.5 * GIB)
  })
  test('exact mode holds one more copy where the decoder repacks, in both halves', () => {
    const exact = planOf('smoke', ['run.exact=true'], 'cpu')
    const plain = planOf('smoke', [], 'cpu')
    const copy = holder(plain, 'weights')?.rollout ?? 0
    expect(holder(exact, 'exact copy')).toMatchObject({ rollout: copy / 2, update: copy / 2 })
    expect(holder(plain, 'exact copy')).toBeUndefined()
    expect(holder(planOf('gemma3-12b', ['run.exact=true']), 'exact copy')).toBeUndefined()
  })
  test('the halves are the sums of their holders', () => {
    const plan = planOf('gemma3-4b', ['training.mode=full', 'training.critics=full'])
    for (const half of ['rollout', 'update'] as const) {
      expect(plan[half]).toBe(plan.holders.reduce((sum, own) => sum + own[half], 0))
    }
    expect(plan.peak).toBe(Math.max(plan.rollout, plan.update))
  })
  test('less of anything never needs more', () => {
    const config = loadConfig({ preset: 'gemma3-12b' })
    const base = planInput(config, large, 'cuda')
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 64, max: 32768 }),
        fc.constantFrom('full' as const, 'lora' as const),
        (slots, tokens, actor) => {
          const at = (more: number) =>
            memoryPlan({
              ...base,
              actor,
              slots: slots + more,
              tokens: { actor: tokens + 256 * more, critics: tokens },
              lora: { ...base.lora, rank: 8 * (1 + more) },
            })
          expect(at(1).peak).toBeGreaterThanOrEqual(at(0).peak)
          for (const [less, more] of [
            ['full', 'selective'],
            ['selective', 'none'],
          ] as const) {
            const of = (checkpointing: typeof less | typeof more) =>
              memoryPlan({ ...base, actor, checkpointing }).update
            expect(of(less)).toBeLessThan(of(more))
          }
        },
      ),
    )
  })
})

describe('what would fit', () => {
  const config = loadConfig({ preset: 'gemma3-12b' })
  test('each suggestion fits, with the settings it names', () => {
    const found = suggestions(config, large, 'cuda', 80 * GB)
    expect(found.length).toBeGreaterThan(0)
    for (const { set, peak } of found) {
      expect(planOf('gemma3-12b', set).peak).toBe(peak)
      expect(peak).toBeLessThanOrEqual(80 * GB)
    }
  })
  test('full fine-tuning in float32 is led to smaller states before adapters', () => {
    const full = loadConfig({
      preset: 'gemma3-12b',
      set: ['training.mode=full', 'training.optimizerState=float32', 'training.gradients=float32'],
    })
    const [first] = suggestions(full, large, 'cuda', 139 * GIB)
    expect(first?.set).toContain('training.gradients=parameter')
    expect(first?.set).not.toContain('training.mode=lora')
  })
  test('no suggestion where nothing helps', () => {
    expect(suggestions(config, large, 'cuda', 10 * GB)).toEqual([])
  })
  test('the table says what is missing and what to do, in lines to paste', () => {
    const plan = memoryPlan(planInput(config, large, 'cuda'))
    const available = { bytes: 80 * GB, source: 'as given' }
    const found = suggestions(config, large, 'cuda', available.bytes)
    const text = planText({ title: 'plan', plan, available, fits: false, suggestions: found })
    expect(text).toMatch(/weights +23\.5 GB +23\.5 GB +11\.77B parameters/)
    expect(text).toMatch(/does not fit; these settings would:\n {2}--set /)
    expect(planText({ title: 'plan', plan, available, fits: true, suggestions: [] })).toMatch(/fits, with/)
    expect(planText({ title: 'plan', plan, available, fits: false, suggestions: [] })).toMatch(
      /smaller model/,
    )
  })
})

test('docs/memory.md shows what the program prints', () => {
  const config = loadConfig({ preset: 'gemma3-12b' })
  const plan = memoryPlan(planInput(config, large, 'cuda'))
  const available = { bytes: 139 * GIB, source: 'as given' }
  const printed = planText({
    title: 'memory plan: Gemma3 12b, adapters, bfloat16, cuda',
    plan,
    available,
    fits: true,
    suggestions: [],
  })
  expect(readFileSync(new URL('../../docs/memory.md', import.meta.url), 'utf8')).toContain(printed)
})

test('amounts of memory are read and written', () => {
  expect(parseBytes('139GiB')).toBe(139 * GIB)
  expect(parseBytes('24 gb')).toBe(24 * GB)
  expect(parseBytes('1.5MiB')).toBe(1.5 * 2 ** 20)
  expect(parseBytes('123')).toBe(123)
  for (const wrong of ['', 'GiB', '-1GB', '1 parsec', '1e9']) expect(parseBytes(wrong)).toBeUndefined()
  expect([0, 999, 1500, 872e6, 23.53e9, 123.4e9].map(formatBytes)).toEqual([
    '0',
    '999 B',
    '1.5 kB',
    '872 MB',
    '23.5 GB',
    '123 GB',
  ])
})
