/** Credit and experience: the reference's numeric vector end to end, telescoping, and the step traces. */
import { expect, test } from 'vitest'
import type { Episode } from '../../lib/agent/episode.ts'
import { assignCredit, learningTraces } from '../../lib/train/credit.ts'
import { experienceOf } from '../../lib/train/experience.ts'

function episode(reached: number[][], score: number): Episode {
  return {
    steps: reached.map((row) => ({
      promptIds: Int32Array.of(1, 2),
      actionIds: Int32Array.of(3),
      reached: Uint8Array.from(row),
    })),
    judgement: { score, details: [] },
  } as unknown as Episode
}

// K = 3, milestones reached at states 2, 4 and 6 of 9, success at 9: the paper's worked example.
const verdicts = Array.from({ length: 9 }, (_, t) => [
  t + 1 >= 2 ? 1 : 0,
  t + 1 >= 4 ? 1 : 0,
  t + 1 >= 6 ? 1 : 0,
])
const close = (actual: ArrayLike<number> | undefined, expected: number[]) => {
  expect(actual?.length).toBe(expected.length)
  expected.forEach((value, i) => {
    expect(actual?.[i]).toBeCloseTo(value, 4)
  })
}

test('labels, shaped rewards, returns and advantages of the worked example', () => {
  const experience = experienceOf([episode(verdicts, 1)], {})
  close(experience.labels[0], [0, 1 / 6, 1 / 3, 0.5, 2 / 3, 11 / 15, 0.8, 13 / 15, 14 / 15, 1])
  const potentials = (experience.labels[0] as Float32Array).slice(0, 9)
  const values = new Float32Array(9).fill(0.5)
  const options = { shaping: { alpha: 0.3, shapingGamma: 1, positiveOnly: false } }
  const credit = assignCredit(
    experience,
    { values, potentials },
    { ...options, advantage: { gamma: 0.9, lambda: 0.5, unitStd: false } },
  )
  close(credit.rewards, [0.05, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02, 1.02])
  expect(credit.auxiliary.reduce((a, b) => a + b)).toBeCloseTo(0.3, 5)
  close(credit.advantages, [0.0781, 0.0868, 0.0964, 0.1071, 0.104, 0.1339, 0.1671, 0.204, 0.52])
})

test('episodes without steps are left out; failures have outcomes and no terminal reward', () => {
  const experience = experienceOf(
    [
      episode([], 0),
      episode(
        [
          [1, 0],
          [1, 0],
        ],
        0,
      ),
      episode([[1, 1]], 1),
    ],
    {},
  )
  expect([...experience.outcomes]).toEqual([0, 1])
  expect([...experience.offsets]).toEqual([0, 2, 3])
  const scores = { values: Float32Array.of(0.2, 0.3, 0.6), potentials: Float32Array.of(0.1, 0.5, 0.4) }
  const credit = assignCredit(experience, scores, {
    shaping: { alpha: 0.5, shapingGamma: 1, positiveOnly: false },
    advantage: { gamma: 1, lambda: 1, unitStd: false },
  })
  close(credit.rewards, [0.2, 0, 1.3])
  const [failed, won] = learningTraces(
    experience.offsets,
    scores,
    credit,
    Float32Array.of(0.1, Number.NaN, -0.2),
  )
  expect(failed?.map((step) => step.logRatio)).toEqual([expect.closeTo(0.1), undefined])
  expect(won).toHaveLength(1)
  expect(won?.[0]).toMatchObject({ value: expect.closeTo(0.6), auxiliary: expect.closeTo(0.3) })
})
