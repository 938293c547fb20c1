/** WebRL's choice of replay: returns against a direct sum, the rule of the first success, the band, the ratio. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../lib/learn/random.ts'
import type { PolicyRow } from '../../lib/webrl/policy-rows.ts'
import {
  chooseReplay,
  firstSuccesses,
  inReplayBand,
  monteCarloReturns,
  rankScore,
  withReturns,
} from '../../lib/webrl/replay.ts'

const row = (over: Partial<PolicyRow> = {}): PolicyRow => ({
  observation: 'o',
  next_observation: 'n',
  task: 't',
  reward: 1,
  done: true,
  action: 'a',
  trajectory_reward: 1,
  ...over,
})

test('returns are the discounted sums of what follows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { maxLength: 30 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (rewards, gamma) => {
        for (const [t, value] of monteCarloReturns(rewards, gamma).entries()) {
          const direct = rewards.slice(t).reduce((sum, reward, k) => sum + gamma ** k * reward, 0)
          expect(value).toBeCloseTo(direct, 9)
        }
      },
    ),
  )
  expect(withReturns([row(), row(), row()]).map((own) => own.mc_return)).toEqual([2.71, 1.9, 1])
})

describe('the first success of a task', () => {
  const trajectory = (task: string, trajectory_reward: 0 | 1, action: string) => [
    row({ task, trajectory_reward, action }),
  ]
  const all = [
    trajectory('x', 0, '0'),
    trajectory('x', 1, '1'),
    trajectory('y', 1, '2'),
    trajectory('x', 1, '3'),
    trajectory('x', 0, '4'),
    trajectory('y', 1, '5'),
    [],
  ]
  const actions = (found: readonly (readonly PolicyRow[])[]) => found.map((own) => own[0]?.action).join('')

  test('is kept, later ones are dropped, failures are set apart', () => {
    const { successes, failures } = firstSuccesses(all)
    expect([actions(successes), actions(failures)]).toEqual(['12', '04'])
  })
  test('in each of the chunks that trajectories are dealt over', () => {
    // Chunk 0 has 0, 2, 4; chunk 1 has 1, 3, 5.
    expect(actions(firstSuccesses(all, 2).successes)).toBe('125')
    expect(actions(firstSuccesses(all, 6).successes)).toBe('1235')
  })
})

describe('the band', () => {
  test('leaves out what is hopeless and what is settled, and what nobody scored', () => {
    const inside = [0.5, 0.500001, 0.7, 0.95, 0.950001, 1].map((rank_score) =>
      inReplayBand(row({ rank_score })),
    )
    expect(inside).toEqual([false, true, true, true, false, false])
    expect(inReplayBand(row())).toBe(false)
  })
  test('rank is one over the perplexity of the tokens', () => {
    expect(rankScore([Math.log(0.5), Math.log(0.125)])).toBeCloseTo(0.25, 12)
    expect(rankScore(Float32Array.of(0, 0))).toBe(1)
  })
})

test('all current rows and at most twice as many past ones, those in the band, shuffled', () => {
  const current = Array.from({ length: 10 }, (_, i) => row({ action: `now ${i}`, trajectory_reward: 0 }))
  const past = Array.from({ length: 100 }, (_, i) => row({ action: `past ${i}`, rank_score: i / 100 }))
  const chosen = chooseReplay({ past, current, random: seededRandom(1) })
  expect(chosen).toHaveLength(30)
  expect(current.every((own) => chosen.includes(own))).toBe(true)
  const old = chosen.filter((own) => own.rank_score !== undefined)
  expect(old.every((own) => inReplayBand(own))).toBe(true)
  expect(new Set(chosen).size).toBe(30)
  expect(chosen.slice(0, 20).some((own) => current.includes(own))).toBe(true)
  expect(chooseReplay({ past, current, random: seededRandom(1) })).toEqual(chosen)
  expect(chooseReplay({ past, current, random: seededRandom(2) })).not.toEqual(chosen)
  expect(chooseReplay({ past, current, random: seededRandom(1), ratio: 0 })).toHaveLength(10)
  expect(chooseReplay({ past: past.slice(0, 60), current, random: seededRandom(1) })).toHaveLength(19)
})
