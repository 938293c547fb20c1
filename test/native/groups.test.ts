/** Several actions in one packed sequence: the losses and gradients of the same actions each behind its own prompt. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gatherSegments, packActions, type Sequence } from '../../lib/learn/packing.ts'
import { packChains, prefixChains } from '../../lib/learn/prefix-packing.ts'
import { loadNative } from '../../lib/native/loader.ts'
import { Gemma, type Role } from '../../lib/native/model.ts'
import type { Objective, PackedBatch } from '../../lib/native/types.ts'
import { actionLogprobs } from '../../lib/train/scoring.ts'
import { batchOfLengths, ones, relativeError, tiny } from './gemma-kit.ts'

// One thread: these matrices are too small to share out.
await loadNative().setThreads(1)
const model = await Gemma.random(tiny, { seed: 11, initStd: 0.2 })
const role = await model.role({ name: 'actor', kind: 'full', copy: true })

// An episode of growing prompts beside a stranger; ids from a seed.
function episode(salt: number, turns: number): Sequence[] {
  const id = (i: number) => (i * 17 + salt * 29 + i * i) % tiny.vocab
  const sequences: Sequence[] = [
    { promptIds: Int32Array.from([id(1), id(2)]), actionIds: Int32Array.of(id(3)) },
  ]
  let text = [id(4), id(5), id(6)]
  for (let turn = 0; turn < turns; turn++) {
    const action = Array.from({ length: 1 + ((salt + turn) % 3) }, (_, i) => id(turn * 7 + i))
    sequences.push({ promptIds: Int32Array.from(text), actionIds: Int32Array.from(action) })
    text = [...text, ...action, ...Array.from({ length: (salt * turn) % 4 }, (_, i) => id(turn * 5 + i + 1))]
  }
  return sequences
}
const rowsOf = (sequences: readonly Sequence[]) => Int32Array.from(sequences, (_, i) => i)
const wave = (n: number, s: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(s + 1.7 * i))

async function outcome(role: Role, batch: PackedBatch, objective: Objective) {
  await role.zeroGradients()
  const step = await role.policyStep(batch, objective)
  const gradients = new Map<string, Float32Array>()
  for (const { name } of role.parameters()) gradients.set(name, (await role.gradient(name)).data.slice())
  return { loss: step.loss, ratios: [...step.logRatios.data], logprobs: [...step.logprobs.data], gradients }
}

type Make = (rows: Int32Array, tokens: number, offsets: Int32Array) => Objective
const perRow = (n: number, s: number, rows: Int32Array) =>
  Float32Array.from(rows, (row) => wave(n, s)[row] as number)
function objectives(sequences: readonly Sequence[]): [string, Make][] {
  const n = sequences.length
  const counts = sequences.map((s) => s.actionIds.length)
  const offsets = Int32Array.from([
    0,
    ...counts.map((_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b)),
  ])
  const perToken = (s: number, rows: Int32Array) =>
    gatherSegments(wave(offsets.at(-1) as number, s), offsets, rows)
  const regression =
    (lengthNormalised: boolean): Make =>
    (rows) => ({
      kind: 'regression',
      beta: 0.7,
      advantages: perRow(n, 1, rows),
      reference: perToken(2, rows).map((x) => x - 3),
      weights: perRow(n, 3, rows).map((x) => x + 1.5),
      normaliser: n,
      lengthNormalised,
    })
  return [
    ['regression', regression(false)],
    ['regression, length-normalised', regression(true)],
    ['weighted', (rows) => ({ kind: 'weighted', weights: perRow(n, 4, rows), normaliser: 2 })],
    ['nll', (rows) => ({ kind: 'nll', weights: perToken(5, rows), normaliser: 3 })],
    ['gradient', (rows) => ({ kind: 'gradient', gradient: perToken(6, rows) })],
  ]
}

describe('merged actions', () => {
  test.each(objectives(episode(1, 4)).map(([name], i) => [name, i] as const))('%s', async (_, which) => {
    const sequences = episode(1, 4)
    const [, make] = objectives(sequences)[which] as [string, Make]
    const merged = packChains(sequences, prefixChains(sequences, rowsOf(sequences)))
    const alone = packActions(sequences, merged.rows)
    expect(merged.tokensNotComputed).toBeGreaterThan(0)
    const objective = make(merged.rows, merged.batch.scored.length, merged.scoredOffsets)
    const [a, b] = [await outcome(role, alone.batch, objective), await outcome(role, merged.batch, objective)]
    expect(Math.abs(b.loss - a.loss)).toBeLessThan(1e-6 * Math.max(1, Math.abs(a.loss)))
    expect(relativeError(b.logprobs, a.logprobs)).toBeLessThan(1e-6)
    if (a.ratios.length > 0) expect(relativeError(b.ratios, a.ratios)).toBeLessThan(1e-6)
    expect(b.ratios.length).toBe(a.ratios.length)
    for (const [name, gradient] of a.gradients)
      expect(relativeError(b.gradients.get(name) ?? [], gradient), name).toBeLessThan(3e-6)
  })

  test('any episodes: the same loss and the same log-ratios', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(50), fc.integer({ min: 1, max: 5 }), async (salt, turns) => {
        const sequences = [...episode(salt, turns), ...episode(salt + 7, turns)]
        const merged = packChains(sequences, prefixChains(sequences, rowsOf(sequences)))
        const alone = packActions(sequences, merged.rows)
        const [, make] = objectives(sequences)[1] as [string, Make]
        const objective = make(merged.rows, merged.batch.scored.length, merged.scoredOffsets)
        const a = await role.policyStep(alone.batch, objective)
        const b = await role.policyStep(merged.batch, objective)
        expect(Math.abs(b.loss - a.loss)).toBeLessThan(2e-6 * Math.max(1, Math.abs(a.loss)))
        expect(relativeError(b.logRatios.data, a.logRatios.data)).toBeLessThan(2e-6)
      }),
      { numRuns: 15 },
    )
    await role.zeroGradients()
  })

  test('scoring a data set with shared prefixes gives every transition its own numbers', async () => {
    const sequences = [...episode(3, 5), ...episode(4, 2)]
    const plain = await actionLogprobs(role, sequences, { maxTokens: 40, temperature: 0.8 })
    const packed = await actionLogprobs(role, sequences, {
      maxTokens: 40,
      temperature: 0.8,
      packPrefixes: true,
    })
    expect(packed.offsets).toEqual(plain.offsets)
    expect(relativeError(packed.logprobs, plain.logprobs)).toBeLessThan(1e-6)
  })
})

test('groups that break their rules are refused by field', async () => {
  const batch = batchOfLengths([6, 4])
  const N = batch.scored.length
  const nll: Objective = { kind: 'nll', weights: ones(N), normaliser: 1 }
  const step = (groups: number[], objective: Objective = nll) =>
    role.policyStep({ ...batch, groups: Int32Array.from(groups) }, objective)
  await expect(step([0])).rejects.toThrow(/batch\.groups: expected at least two entries/)
  await expect(step([1, N])).rejects.toThrow(/batch\.groups: expected entries from 0 to/)
  await expect(step([0, N - 1])).rejects.toThrow(/batch\.groups: expected entries from 0 to/)
  await expect(step([0, 5, 3, N])).rejects.toThrow(/batch\.groups: .*never fall/)
  const weighted = (n: number): Objective => ({ kind: 'weighted', weights: ones(n), normaliser: 1 })
  await expect(step([0, 1, 2, N], weighted(2))).rejects.toThrow(
    /objective\.weights: expected 3 float32 values, one per action/,
  )
  const three = await step([0, 1, 1, N], weighted(3))
  expect(Number.isFinite(three.loss)).toBe(true)
  await role.zeroGradients()
})
