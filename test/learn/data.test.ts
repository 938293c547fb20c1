/** Critic targets, ranks and the band, replay, curriculum, guard, schedule and packing. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { criticSpec, criticTargets, gatherRows, headProbabilities } from '../../lib/learn/critic-targets.ts'
import { planPhase } from '../../lib/learn/curriculum.ts'
import { DriftGuard } from '../../lib/learn/guard.ts'
import {
  gatherSegments,
  packActions,
  packPrompts,
  planSteps,
  sequenceLengths,
} from '../../lib/learn/packing.ts'
import { inRankBand, perplexity, segmentRanks } from '../../lib/learn/perplexity.ts'
import { seededRandom } from '../../lib/learn/random.ts'
import { ReplayBuffer, selectActions, selectTrajectories } from '../../lib/learn/replay.ts'
import { learningRate } from '../../lib/learn/schedule.ts'

describe('critic targets', () => {
  const episodes = {
    offsets: Int32Array.of(0, 2, 4, 5),
    outcomes: [1, 0, 1],
    labels: [Float32Array.of(0, 0.5, 1), Float32Array.of(0, 0.25, 0.25), undefined],
  }
  const all = criticTargets(episodes, { value: 1, potential: 2 })
  test('the outcome everywhere, p* on labelled successes only', () => {
    expect([...all.targets]).toEqual([1, 0, 1, 0.5, 0, 0, 0, 0, 1, 0])
    expect([...all.weights]).toEqual([1, 2, 1, 2, 1, 0, 1, 0, 1, 0])
  })
  test('minibatch rows in the given order', () => {
    const spec = criticSpec(all, Int32Array.of(4, 1))
    expect([...spec.targets]).toEqual([1, 0, 1, 0.5])
    expect([...spec.weights]).toEqual([1, 0, 1, 2])
    expect(spec.losses).toEqual(['bce', 'mse'])
    expect(spec.normaliser).toBe(2)
    expect([...gatherRows(Float32Array.of(1, 2, 3, 4), 2, Int32Array.of(1, 1))]).toEqual([3, 4, 3, 4])
  })
  test('scores to probabilities per head', () => {
    const scores = Float32Array.of(0, 100, -100, 0)
    expect([...headProbabilities(scores, 'value')].map((p) => Number(p.toFixed(3)))).toEqual([0.5, 0])
    expect([...headProbabilities(scores, 'potential')]).toEqual([1, 0.5])
  })
  test('outcomes are 0 or 1, labels fit their episode', () => {
    expect(() => criticTargets({ ...episodes, outcomes: [0.5, 0, 1] }, { value: 1, potential: 1 })).toThrow(
      /outcomes\[0\], received 0.5/,
    )
    expect(() =>
      criticTargets(
        { ...episodes, labels: [Float32Array.of(0, 1), undefined, undefined] },
        { value: 1, potential: 1 },
      ),
    ).toThrow(/3 entries for labels\[0\]/)
  })
})

describe('perplexity', () => {
  test('reference vector 6: the band is closed', () => {
    const band = [0.5, 0.9] as const
    expect([0.5, 0.9, 0.4999, 0.9001].map((rank) => inRankBand(rank, band))).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect(perplexity(0.5)).toBe(2)
  })
  test('a rank at the edge survives float32 logprobs', () => {
    for (const edge of [0.5, 0.9]) {
      const ranks = segmentRanks(new Float32Array(7).fill(Math.log(edge)), Int32Array.of(0, 7))
      expect(inRankBand(ranks[0] as number, [0.5, 0.9])).toBe(true)
    }
  })
  test('geometric mean per segment, by episode or by action', () => {
    const logprobs = Float64Array.of(Math.log(0.5), Math.log(0.5), Math.log(0.125))
    expect(segmentRanks(logprobs, Int32Array.of(0, 3))[0]).toBeCloseTo((0.5 * 0.5 * 0.125) ** (1 / 3), 12)
    expect([...segmentRanks(logprobs, Int32Array.of(0, 2, 3))].map((r) => Number(r.toFixed(9)))).toEqual([
      0.5, 0.125,
    ])
    expect(() => segmentRanks(logprobs, Int32Array.of(0, 3, 3))).toThrow(/action tokens in segment 1/)
  })
})

describe('replay', () => {
  const entry = (id: string, taskKey = id, steps = 4) => ({ id, taskKey, steps })
  const options = { band: [0.5, 0.9] as const, maxSteps: 100, exclude: new Set<string>(), seed: 3 }
  test('one entry per episode, the oldest leave, one per task on request', () => {
    const buffer = new ReplayBuffer<ReturnType<typeof entry>>({ capacity: 2, onePerTask: false })
    buffer.add([entry('a'), entry('a'), entry('b'), entry('c')])
    expect(buffer.entries.map(({ id }) => id)).toEqual(['b', 'c'])
    const single = new ReplayBuffer<ReturnType<typeof entry>>({ capacity: 9, onePerTask: true })
    single.add([entry('a', 't'), entry('b', 'u'), entry('c', 't')])
    expect(single.entries.map(({ id }) => id)).toEqual(['b', 'c'])
    expect(() => new ReplayBuffer({ capacity: 0, onePerTask: false })).toThrow(/capacity/)
  })
  test('band, exclusion of the current phase, cap', () => {
    const entries = ['a', 'b', 'c', 'd'].map((id) => entry(id))
    const ranks = [0.6, 0.95, 0.7, 0.8]
    const ids = (over: Partial<typeof options>) =>
      selectTrajectories(entries, ranks, { ...options, ...over }).map(({ entry: { id } }) => id)
    expect(ids({}).sort()).toEqual(['a', 'c', 'd'])
    expect(ids({ exclude: new Set(['c']) }).sort()).toEqual(['a', 'd'])
    expect(ids({ maxSteps: 9 })).toHaveLength(2)
    expect(ids({ maxSteps: 3 })).toEqual([])
    expect(ids({ maxSteps: 9 })).toEqual(ids({ maxSteps: 9 }))
  })
  test('per action: only actions in the band', () => {
    const chosen = selectActions([entry('a', 'a', 3)], [[0.95, 0.6, 0.4]], options)
    expect(chosen.map(({ mask }) => [...mask])).toEqual([[0, 1, 0]])
    expect(() => selectActions([entry('a')], [[0.5]], options)).toThrow(/4 entries for ranks\[0\]/)
  })
})

describe('curriculum', () => {
  const templates = ['a', 'b', 'c', 'd']
  const failures = Array.from({ length: 30 }, (_, i) => ({ template: i % 3 === 0 ? 'a' : 'b', task: i }))
  const options = { count: 160, repeat: 0.25, resample: 0.25, seed: 1 }
  const byMode = (plan: ReturnType<typeof planPhase<number>>) => ({
    repeat: plan.filter((p) => p.mode === 'repeat').length,
    resample: plan.filter((p) => p.mode === 'resample').length,
    uniform: plan.filter((p) => p.mode === 'uniform').length,
  })
  test('shares, with unused repeats resampled', () => {
    expect(byMode(planPhase(templates, failures, options))).toEqual({ repeat: 30, resample: 50, uniform: 80 })
    expect(byMode(planPhase(templates, [...failures, ...failures], options))).toEqual({
      repeat: 40,
      resample: 40,
      uniform: 80,
    })
    expect(byMode(planPhase(templates, [], options))).toEqual({ repeat: 0, resample: 0, uniform: 160 })
  })
  test('resamples only failed templates, deals uniform ones evenly, repeats no task twice', () => {
    const plan = planPhase(templates, failures, options)
    expect(
      plan.filter((p) => p.mode === 'resample').every((p) => p.template === 'a' || p.template === 'b'),
    ).toBe(true)
    for (const template of templates) {
      expect(plan.filter((p) => p.mode === 'uniform' && p.template === template)).toHaveLength(20)
    }
    const repeated = plan.flatMap((p) => (p.mode === 'repeat' ? [p.task] : []))
    expect(new Set(repeated).size).toBe(repeated.length)
  })
  test('deterministic in the seed, different for another', () => {
    const plan = planPhase(templates, failures, options)
    expect(planPhase(templates, failures, options)).toEqual(plan)
    expect(planPhase(templates, failures, { ...options, seed: 2 })).not.toEqual(plan)
  })
  test('always exactly as many tasks as asked', () => {
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.nat(40),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (count, failed, repeat, resample) => {
          const plan = planPhase(templates, failures.slice(0, failed), { count, repeat, resample, seed: 5 })
          expect(plan).toHaveLength(count)
        },
      ),
    )
    expect(() => planPhase([], [], options)).toThrow(/at least one template/)
    expect(() => planPhase(templates, [], { ...options, repeat: 0.8, resample: 0.8 })).toThrow(
      /repeat \+ resample/,
    )
  })
})

describe('guard', () => {
  const options = { limit: -1.5, window: 4, minimum: 2 }
  test('trips on negative-advantage drift only, and stays tripped', () => {
    const guard = new DriftGuard(options)
    expect(guard.update(Float32Array.of(-9, -9), Float32Array.of(1, 1)).tripped).toBe(false)
    expect(guard.update(Float32Array.of(-9), Float32Array.of(-1)).tripped).toBe(false)
    expect(guard.update(Float32Array.of(-1), Float32Array.of(-1))).toMatchObject({
      tripped: true,
      negative: -5,
      positive: -9,
      negativeCount: 2,
    })
    expect(guard.update(new Float32Array(8), new Float32Array(8).fill(-1)).tripped).toBe(true)
  })
  test('a healthy epoch passes, old actions leave the window', () => {
    const guard = new DriftGuard(options)
    for (let i = 0; i < 20; i++) guard.update(Float32Array.of(-0.5, 0.1), Float32Array.of(-1, 1))
    expect(guard.statistics).toMatchObject({ tripped: false, negative: -0.5, negativeCount: 20 })
    guard.update(Float32Array.of(-2, -2, -2, -2), new Float32Array(4).fill(-1))
    expect(guard.statistics.tripped).toBe(true)
  })
  test('a policy that became NaN trips it', () => {
    const guard = new DriftGuard(options)
    expect(guard.update(Float32Array.of(Number.NaN, -0.1), Float32Array.of(-1, -1)).tripped).toBe(true)
  })
  test('bad options are named', () => {
    expect(() => new DriftGuard({ limit: -1, window: 2, minimum: 3 })).toThrow(/minimum 3, window 2/)
  })
})

describe('schedule', () => {
  const shape = { kind: 'cosine', peak: 1, warmup: 0.1, final: 0.03 } as const
  test('warms up linearly to the peak and decays to its final share', () => {
    expect(learningRate(shape, 0, 100)).toBeCloseTo(0.1, 12)
    expect(learningRate(shape, 9, 100)).toBe(1)
    expect(learningRate(shape, 10, 100)).toBe(1)
    expect(learningRate(shape, 99, 100)).toBeCloseTo(0.03, 12)
    expect(learningRate({ ...shape, kind: 'linear' }, 99, 100)).toBeCloseTo(0.03, 12)
    expect(learningRate({ ...shape, kind: 'constant' }, 99, 100)).toBe(1)
    expect(learningRate({ ...shape, warmup: 0 }, 0, 1)).toBe(1)
  })
  test('never rises after warm-up, never leaves (0, peak]', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom('cosine', 'linear', 'constant'),
        (total, warmup, kind) => {
          const rates = Array.from({ length: total }, (_, step) =>
            learningRate({ kind, peak: 2, warmup, final: 0.1 }, step, total),
          )
          const top = Math.max(0, Math.round(warmup * total) - 1)
          rates.forEach((rate, i) => {
            expect(rate > 0 && rate <= 2 + 1e-12).toBe(true)
            if (i > top) expect(rate).toBeLessThanOrEqual((rates[i - 1] as number) + 1e-12)
          })
        },
      ),
    )
    expect(() => learningRate(shape, 100, 100)).toThrow(/step in \[0, 100\)/)
  })
})

describe('packing', () => {
  const sequences = [
    { promptIds: Int32Array.of(1, 2, 3), actionIds: Int32Array.of(10, 11) },
    { promptIds: Int32Array.of(4), actionIds: Int32Array.of(12) },
    { promptIds: Int32Array.of(5, 6), actionIds: Int32Array.of(13, 14, 15) },
  ]
  test('prompt and action ids end to end, action tokens scored', () => {
    const { batch, scoredOffsets, isAction } = packActions(sequences, Int32Array.of(2, 0))
    expect([...batch.ids]).toEqual([5, 6, 13, 14, 15, 1, 2, 3, 10, 11])
    expect([...batch.offsets]).toEqual([0, 5, 10])
    expect([...batch.scored].map((t) => batch.ids[t])).toEqual([13, 14, 15, 10, 11])
    expect([...scoredOffsets]).toEqual([0, 3, 5])
    expect([...isAction]).toEqual([1, 1, 1, 1, 1])
  })
  test('with the prompt scored, all but each first token', () => {
    const { batch, isAction } = packActions(sequences, Int32Array.of(0, 1), { scorePrompt: true })
    expect([...batch.scored].map((t) => batch.ids[t])).toEqual([2, 3, 10, 11, 12])
    expect([...isAction]).toEqual([0, 0, 1, 1, 1])
  })
  test('prompts alone for the critics', () => {
    const { ids, offsets, scored } = packPrompts(sequences, Int32Array.of(1, 2))
    expect([...ids]).toEqual([4, 5, 6])
    expect([...offsets]).toEqual([0, 1, 3])
    expect(scored).toHaveLength(0)
  })
  test('kept values are cut out in batch order', () => {
    const all = Float32Array.of(0, 1, 2, 3, 4, 5)
    expect([...gatherSegments(all, Int32Array.of(0, 2, 3, 6), Int32Array.of(2, 0))]).toEqual([3, 4, 5, 0, 1])
  })
  test('empty prompts and actions are refused', () => {
    expect(() =>
      packPrompts([{ promptIds: new Int32Array(0), actionIds: Int32Array.of(1) }], Int32Array.of(0)),
    ).toThrow(/prompt ids in sequence 0/)
    expect(() =>
      packActions([{ promptIds: Int32Array.of(1), actionIds: new Int32Array(0) }], Int32Array.of(0)),
    ).toThrow(/action ids in sequence 0/)
    expect(() => packPrompts(sequences, Int32Array.of(3))).toThrow(/row below 3, received 3/)
    expect([...sequenceLengths(sequences)]).toEqual([5, 2, 5])
  })
  test('plans cover every sequence once, keep limits, and repeat for a seed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 120 }),
        fc.nat(),
        (lengths, batchSize, maxTokens, seed) => {
          const plan = () => planSteps(lengths, { batchSize, maxTokens, random: seededRandom(seed) })
          const steps = plan()
          expect(plan()).toEqual(steps)
          const seen = steps.flatMap(({ rows }) => [...rows]).sort((a, b) => a - b)
          expect(seen).toEqual(lengths.map((_, i) => i))
          for (const { rows, microBatches } of steps) {
            expect(rows.length).toBeLessThanOrEqual(batchSize)
            expect(microBatches.flatMap((part) => [...part])).toEqual([...rows])
            for (const part of microBatches) {
              const tokens = part.reduce((sum, row) => sum + (lengths[row] as number), 0)
              expect(part.length === 1 || tokens <= maxTokens).toBe(true)
            }
          }
        },
      ),
    )
    expect(planSteps([1, 1, 1], { batchSize: 2, dropLast: true })).toHaveLength(1)
    expect(() => planSteps([1], { batchSize: 0 })).toThrow(/batchSize/)
  })
})

test('neighbouring seeds give unrelated, uniform draws', () => {
  const means = [1, 2, 3].map((seed) => {
    const random = seededRandom(seed)
    return Array.from({ length: 4000 }, random.next).reduce((a, b) => a + b, 0) / 4000
  })
  means.forEach((mean) => {
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03)
  })
  expect(new Set(means).size).toBe(3)
  expect(seededRandom(1, 2).next()).not.toBe(seededRandom(2, 1).next())
  expect(seededRandom(7).shuffle([1, 2, 3, 4, 5]).sort()).toEqual([1, 2, 3, 4, 5])
})
