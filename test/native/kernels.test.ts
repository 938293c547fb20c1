/**
 * The kernels together against float64 loops, at sizes that are no multiple of any vector width, across
 * attention's row blocks, windows and group sizes; gradients against finite differences of those loops.
 */
import { describe, expect, test } from 'vitest'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type { GemmaConfig } from '../../lib/native/types.ts'
import { logits64, logprobs64, type Parameters64 } from './gemma-float64.ts'
import { batchOfLengths, ones, relativeError, tiny } from './gemma-kit.ts'

async function setUp(config: GemmaConfig, seed: number): Promise<{ role: Role; parameters: Parameters64 }> {
  const model = await Gemma.random(config, { seed, initStd: 0.25, postNormGain: 0.8 })
  const role = await model.role({ name: 'r', kind: 'full' })
  const parameters: Parameters64 = new Map()
  for (const { name } of role.parameters())
    parameters.set(name, Float64Array.from((await role.parameter(name)).data))
  return { role, parameters }
}

describe.each([
  ['tails everywhere', tiny, [11, 1, 7]],
  [
    'one kv head, vector-sized',
    { ...tiny, vocab: 64, hidden: 32, heads: 4, kvHeads: 1, headDim: 32, intermediate: 64 },
    [19, 6],
  ],
  ['no grouping, factor 8', { ...tiny, heads: 3, kvHeads: 3, headDim: 10, ropeFactorGlobal: 8 }, [13]],
  [
    'several row blocks',
    { ...tiny, layers: 2, heads: 2, kvHeads: 1, maxPositions: 600, slidingWindow: 70 },
    [560],
  ],
] as [string, GemmaConfig, number[]][])('%s', (_, config, lengths) => {
  test('logits, log-probabilities and entropies agree with float64', async () => {
    const { role, parameters } = await setUp(config, 3)
    const batch = batchOfLengths(lengths, config.vocab)
    const rows: number[] = []
    for (let b = 0; b < lengths.length; b++)
      for (const row of logits64(config, parameters, batch.ids.slice(batch.offsets[b], batch.offsets[b + 1])))
        rows.push(...row)
    expect(relativeError((await role.logits(batch)).data, rows)).toBeLessThan(2e-5)
    for (const [temperature, chunk] of [
      [1, 1024],
      [0.7, 4],
    ] as const) {
      const expected = logprobs64(config, parameters, batch, temperature)
      const found = await role.logprobs(batch, { temperature, entropy: true, chunk })
      expect(relativeError(found.logprobs.data, expected.logprobs)).toBeLessThan(2e-5)
      expect(relativeError(found.entropy?.data ?? [], expected.entropies)).toBeLessThan(2e-5)
    }
  }, 60_000)
})

test('gradients agree with finite differences of the float64 reference, for every kind of parameter', async () => {
  const { role, parameters } = await setUp(tiny, 9)
  const batch = batchOfLengths([8, 3])
  const weights = ones(batch.scored.length).map((_, i) => 0.5 + ((i * 5) % 7) / 7)
  const loss = () =>
    logprobs64(tiny, parameters, batch).logprobs.reduce(
      (sum, logp, n) => sum - (weights[n] as number) * logp,
      0,
    )
  await role.policyStep(batch, { kind: 'nll', weights, normaliser: 1 }, { chunk: 3 })
  for (const [name, values] of parameters) {
    const gradient = (await role.gradient(name)).data
    const scale = gradient.reduce((largest, g) => Math.max(largest, Math.abs(g)), 1e-6)
    for (const i of [0, Math.floor(values.length / 3), values.length - 1]) {
      const [kept, h] = [values[i] as number, 1e-5]
      values[i] = kept + h
      const above = loss()
      values[i] = kept - h
      const below = loss()
      values[i] = kept
      expect(
        Math.abs((gradient[i] as number) - (above - below) / (2 * h)) / scale,
        `${name}[${i}]`,
      ).toBeLessThan(2e-4)
    }
  }
}, 120_000)

test('a sequence does not see its neighbours: packed and alone give the same numbers', async () => {
  const { role } = await setUp(tiny, 4)
  const packed = batchOfLengths([9, 14, 5])
  const together = (await role.logits(packed)).data
  for (let b = 0; b < 3; b++) {
    const [begin, end] = [packed.offsets[b] as number, packed.offsets[b + 1] as number]
    const alone = await role.logits({
      ids: packed.ids.slice(begin, end),
      offsets: Int32Array.of(0, end - begin),
      scored: new Int32Array(),
    })
    expect(relativeError(alone.data, together.slice(begin * tiny.vocab, end * tiny.vocab))).toBeLessThan(1e-5)
  }
})
