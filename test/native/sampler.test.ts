/** The sampler against Philox and softmax written again in JavaScript, by exact prediction and by chi-square. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { GenerateOptions, Generator } from '../../lib/native/generator.ts'
import type { NativeRole } from '../../lib/native/types.ts'
import {
  lastLogits,
  makeGenerator,
  philox,
  prompt,
  randomRole,
  softmax,
  tiny,
  uniform,
} from './generation-kit.ts'

let role: NativeRole
let generator: Generator
let logits: Float32Array
const ids = prompt(6, 1)
beforeAll(async () => {
  role = await randomRole()
  generator = makeGenerator(role, { slots: 64 })
  logits = await lastLogits(role, ids)
})

const one = async (seed: number | bigint, extra: Partial<GenerateOptions> = {}) => {
  const result = await generator.generate({ ids, maxNewTokens: 1, seed, ...extra })
  const [id, logprob, samplingLogprob] = [result.ids[0], result.logprobs[0], result.samplingLogprobs[0]]
  return { id: id as number, logprob: logprob as number, samplingLogprob: samplingLogprob as number }
}

/** Ids by descending logit, the lower id first among equals. */
const ranked = () =>
  Array.from(logits.keys()).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b)

/** The distribution after top-k, then top-p over what is left of the mass. */
function truncated(temperature: number, topK: number, topP: number): number[] {
  const p = softmax(logits, temperature)
  let kept = ranked().slice(0, topK > 0 ? topK : logits.length)
  const mass = kept.reduce((sum, id) => sum + (p[id] as number), 0)
  let reached = 0
  const cut = kept.findIndex((id) => {
    reached += p[id] as number
    return reached >= topP * mass
  })
  if (topP < 1) kept = kept.slice(0, cut + 1)
  const total = kept.reduce((sum, id) => sum + (p[id] as number), 0)
  return p.map((x, id) => (kept.includes(id) ? x / total : 0))
}

describe('Philox', () => {
  // Known answers of the Random123 distribution; the C++ side asserts the same three when it compiles.
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [Array(4).fill(0xffffffff), Array(2).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('the reference used here gives the published answers', (counter, key, answer) => {
    expect(philox(counter, key)).toEqual(answer)
  })

  test.each([
    [1, 0, 1],
    [0.6, 0, 1],
    [1.7, 10, 1],
    [1, 0, 0.8],
    [1.3, 20, 0.7],
  ])(
    'T %f, top-k %i, top-p %f: the token is the inverse CDF of the uniform of (seed, position)',
    async (t, k, p) => {
      const distribution = truncated(t, k, p)
      const seeds = [
        0n,
        1n,
        77n,
        1n << 33n,
        0xffff_ffff_ffff_ffffn,
        ...Array.from({ length: 200 }, (_, i) => BigInt(i * i)),
      ]
      const drawn = await Promise.all(seeds.map((seed) => one(seed, { temperature: t, topK: k, topP: p })))
      let decided = 0
      for (const [i, seed] of seeds.entries()) {
        const u = uniform(seed, ids.length)
        let cumulative = 0
        const expected = distribution.findIndex((x) => {
          cumulative += x
          return cumulative > u
        })
        const edge = distribution.slice(0, expected + 1).reduce((a, b) => a + b, 0)
        // Logits of two forwards differ in the last bits: a uniform within 1e-4 of an edge decides nothing.
        if (Math.min(edge - u, u - (edge - (distribution[expected] as number))) < 1e-4) continue
        decided++
        expect(drawn[i]?.id).toBe(expected)
      }
      expect(decided).toBeGreaterThan(150)
    },
  )
})

describe('distribution', () => {
  const pearson = (counts: Map<number, number>, expected: number[], n: number) => {
    // Cells with fewer than five expected draws are pooled.
    let [statistic, cells, rare, rareSeen] = [0, 0, 0, 0]
    for (const [id, p] of expected.entries()) {
      const seen = counts.get(id) ?? 0
      if (p === 0) expect(seen).toBe(0)
      else if (p * n < 5) [rare, rareSeen] = [rare + p * n, rareSeen + seen]
      else [statistic, cells] = [statistic + (seen - p * n) ** 2 / (p * n), cells + 1]
    }
    if (rare >= 5) [statistic, cells] = [statistic + (rareSeen - rare) ** 2 / rare, cells + 1]
    // Wilson and Hilferty's normal approximation of chi-square.
    const dof = Math.max(1, cells - 1)
    return (Math.cbrt(statistic / dof) - (1 - 2 / (9 * dof))) / Math.sqrt(2 / (9 * dof))
  }

  test.each([
    [1, 0, 1],
    [2, 0, 1],
    [1.5, 7, 1],
    [1.5, 0, 0.75],
    [2, 30, 0.6],
  ])(
    'T %f, top-k %i, top-p %f: 3000 seeds pass chi-square against softmax',
    async (temperature, topK, topP) => {
      const expected = truncated(temperature, topK, topP)
      const p = softmax(logits, temperature)
      const n = 3000
      const counts = new Map<number, number>()
      const drawn = await Promise.all(
        Array.from({ length: n }, (_, i) => one(i + 1, { temperature, topK, topP })),
      )
      for (const { id, logprob, samplingLogprob } of drawn) {
        counts.set(id, (counts.get(id) ?? 0) + 1)
        expect(Math.abs(logprob - Math.log(p[id] as number))).toBeLessThan(1e-4)
        expect(Math.abs(samplingLogprob - Math.log(expected[id] as number))).toBeLessThan(1e-4)
      }
      expect(pearson(counts, expected, n)).toBeLessThan(4) // one in 30000; the seeds are fixed, so it never flickers
    },
  )

  test('successive positions of one sequence are independent: no repeated uniform', () => {
    const seen = new Set(Array.from({ length: 2000 }, (_, i) => uniform(42n, i)))
    expect(seen.size).toBe(2000)
  })

  test('top-k 1 and a vanishing top-p are greedy, with certainty', async () => {
    const best = ranked()[0] as number
    for (const extra of [{ topK: 1 }, { topP: 1e-9 }, { temperature: 0 }]) {
      const draw = await one(5, extra)
      expect(draw.id).toBe(best)
      expect(draw.samplingLogprob).toBeCloseTo(0, 6)
      expect(draw.logprob).toBeLessThan(0)
    }
  })

  test('a tiny temperature neither overflows nor divides by zero', async () => {
    const draw = await one(3, { temperature: 1e-6 })
    expect(draw.id).toBe(ranked()[0])
    expect(draw.logprob).toBeCloseTo(0, 5)
  })
})

describe('stop strings', () => {
  // Token i is spelled by its number and a semicolon; the match may begin and end inside tokens.
  const spell = (id: number) => `${id};`
  const texts = Array.from({ length: tiny.vocab }, (_, i) => spell(i))
  const offsets = Int32Array.from([0, ...texts.map((_, i) => texts.slice(0, i + 1).join('').length)])
  const vocabulary = { bytes: new TextEncoder().encode(texts.join('')), offsets }
  const free = { ids, maxNewTokens: 30, seed: 21n }

  test('a string across three tokens ends the sequence with the token that completes it', async () => {
    const speller = makeGenerator(role, { vocabulary })
    const all = await speller.generate(free)
    const text = Array.from(all.ids, spell)
    const middle = `${text[9]?.slice(-1)}${text[10]}${text[11]?.slice(0, 1)}`
    const upTo = text.findIndex((_, i) =>
      text
        .slice(0, i + 1)
        .join('')
        .includes(middle),
    )
    const result = await speller.generate({ ...free, stopStrings: ['never ; this', middle] })
    expect([...result.ids]).toEqual([...all.ids.slice(0, upTo + 1)])
    expect(result.stop).toBe('string')
    expect(result.logprobs).toHaveLength(upTo + 1)
  })

  test('the prompt does not count, and a string that never comes stops nothing', async () => {
    const speller = makeGenerator(role, { vocabulary })
    const inPrompt = ids.map(spell).join('')
    const result = await speller.generate({ ...free, stopStrings: [inPrompt, '999;'] })
    expect(result.stop).toBe('length')
    expect(result.ids).toHaveLength(30)
  })
})
