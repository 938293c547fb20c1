/** Chains of extending prompts: what they hold, that nothing is scored in another context, and what they spare. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packActions, type Sequence, sequenceLengths } from '../../lib/learn/packing.ts'
import {
  chainLengths,
  packChains,
  prefixChains,
  singleChains,
  splitByWeight,
} from '../../lib/learn/prefix-packing.ts'

const sequence = (prompt: number[], action: number[]): Sequence => ({
  promptIds: Int32Array.from(prompt),
  actionIds: Int32Array.from(action),
})
const rowsOf = (sequences: readonly Sequence[]) => Int32Array.from(sequences, (_, i) => i)
const tokens = (s: Sequence) => [...s.promptIds, ...s.actionIds]

// Episodes that grow, with branches, repetitions and strangers: a random walk over a small alphabet.
const growing = fc
  .array(
    fc.record({
      from: fc.nat(),
      cut: fc.boolean(),
      more: fc.array(fc.nat(2), { maxLength: 3 }),
      action: fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }),
    }),
    {
      minLength: 1,
      maxLength: 14,
    },
  )
  .map((steps) => {
    const all: Sequence[] = []
    for (const { from, cut, more, action } of steps) {
      const parent = all.length > 0 && !cut ? (all[from % all.length] as Sequence) : sequence([1], [])
      all.push(sequence([...tokens(parent), ...more], action))
    }
    return all
  })

describe('prefixChains', () => {
  test('an episode whose prompts extend each other is one chain, in any order of rows', () => {
    const a = sequence([1, 2], [3])
    const b = sequence([1, 2, 3, 4], [5, 6])
    const c = sequence([1, 2, 3, 4, 5, 6], [7])
    expect(prefixChains([a, b, c], Int32Array.of(2, 0, 1)).map((chain) => [...chain])).toEqual([[0, 1, 2]])
  })

  test('what only looks alike stays apart', () => {
    const cases: Sequence[][] = [
      [sequence([1, 2], [3]), sequence([1, 2], [3])], // twice the same: its tokens cannot be scored twice
      [sequence([1, 2], [3]), sequence([1, 2], [4])], // two answers to one prompt
      [sequence([1, 2], [3]), sequence([1, 2], [3, 4])], // one answer begins the other
      [sequence([1, 2], [3]), sequence([1, 2, 4], [3])], // another answer was given
      [sequence([1, 2], [3]), sequence([2, 3], [4])],
    ]
    for (const sequences of cases) expect(prefixChains(sequences, rowsOf(sequences)).length).toBe(2)
  })

  test('of two continuations one joins the chain', () => {
    const root = sequence([1], [2])
    const branches = [sequence([1, 2, 3], [4]), sequence([1, 2, 5], [6])]
    const chains = prefixChains([root, ...branches], Int32Array.of(0, 1, 2))
    expect(chains.map((chain) => chain.length).sort()).toEqual([1, 2])
  })

  test('every row is in one chain, behind a row that begins its prompt', () => {
    fc.assert(
      fc.property(growing, (sequences) => {
        const rows = rowsOf(sequences).reverse()
        const chains = prefixChains(sequences, rows)
        expect(chains.flatMap((chain) => [...chain]).sort((a, b) => a - b)).toEqual(
          [...rows].sort((a, b) => a - b),
        )
        for (const chain of chains)
          for (let i = 1; i < chain.length; i++) {
            const before = tokens(sequences[chain[i - 1] as number] as Sequence)
            const prompt = [...(sequences[chain[i] as number] as Sequence).promptIds]
            expect(prompt.slice(0, before.length)).toEqual(before)
          }
      }),
    )
  })

  test('rows without relatives keep their order', () => {
    const sequences = [5, 3, 4, 1].map((id) => sequence([id, id], [id]))
    const rows = Int32Array.of(2, 0, 3, 1)
    expect(prefixChains(sequences, rows)).toEqual(singleChains(rows))
  })
})

describe('packChains', () => {
  test('scores every action token behind exactly its own context, and counts what is spared', () => {
    fc.assert(
      fc.property(growing, (sequences) => {
        const chains = prefixChains(sequences, rowsOf(sequences))
        const { batch, rows, scoredOffsets, tokensNotComputed } = packChains(sequences, chains)
        const alone = sequenceLengths(sequences).reduce((sum, n) => sum + n, 0)
        expect(batch.ids.length + tokensNotComputed).toBe(alone)
        expect(batch.ids.length).toBe(chainLengths(sequences, chains).reduce((sum, n) => sum + n, 0))
        expect([...batch.scored]).toEqual([...new Set(batch.scored)].sort((a, b) => a - b))
        if (chains.length < sequences.length) expect(batch.groups).toEqual(scoredOffsets)
        rows.forEach((row, a) => {
          const own = sequences[row] as Sequence
          const scored = [...batch.scored.slice(scoredOffsets[a], scoredOffsets[a + 1])]
          expect(scored.length).toBe(own.actionIds.length)
          scored.forEach((t, k) => {
            const begin = Math.max(...[...batch.offsets].filter((o) => o <= t))
            const context = [...own.promptIds, ...own.actionIds.slice(0, k + 1)]
            expect([...batch.ids.slice(begin, t + 1)]).toEqual(context)
          })
        })
      }),
    )
  })

  test('without shared prefixes it is packActions', () => {
    const sequences = [sequence([1, 2], [3, 4]), sequence([5], [6])]
    const rows = Int32Array.of(1, 0)
    const merged = packChains(sequences, prefixChains(sequences, rows))
    expect(merged.batch).toEqual(packActions(sequences, rows).batch)
    expect(merged.tokensNotComputed).toBe(0)
  })
})

test('rows of weight 0 are left out and their tokens counted', () => {
  const sequences = [sequence([1, 2], [3]), sequence([1], [2, 3, 4]), sequence([9], [9])]
  const split = splitByWeight(sequences, rowsOf(sequences), Float32Array.of(1, 0, 0.5))
  expect([...split.rows]).toEqual([0, 2])
  expect(split.tokensNotComputed).toBe(4)
})
