/** From records to report data: sampling, limits, pairs for calibration, thinning. */
import { describe, expect, test } from 'vitest'
import {
  phaseHeatMaps,
  potentialCalibrations,
  sampleEpisodes,
  valueCalibrations,
} from '../../lib/report/assemble.ts'
import { thinCurve } from '../../lib/report/curves.ts'
import { syntheticRecords } from './synthetic.ts'

const records = syntheticRecords({ phases: 3, perPhase: 60 })

describe('sampleEpisodes', () => {
  test('draws evenly over phase, split and outcome', () => {
    const sample = sampleEpisodes(records, { episodes: 24, pageCharacters: 100, totalCharacters: 1e6 })
    expect(sample).toHaveLength(24)
    const strata = new Map<string, number>()
    for (const { phase, split, success } of sample) {
      const key = `${phase}/${split}/${success}`
      strata.set(key, (strata.get(key) ?? 0) + 1)
    }
    expect(strata.size).toBe(12)
    for (const count of strata.values()) expect(count).toBe(2)
    expect(sample.map(({ phase }) => phase)).toEqual([...sample.map(({ phase }) => phase)].sort())
  })

  test('keeps within the limits on text', () => {
    const sample = sampleEpisodes(records, { episodes: 1000, pageCharacters: 80, totalCharacters: 20_000 })
    const texts = sample.flatMap(({ steps }) => steps)
    for (const { page } of texts) expect(page.length).toBeLessThanOrEqual(82)
    const total = texts.reduce((sum, s) => sum + s.page.length + s.action.length + (s.error?.length ?? 0), 0)
    expect(total).toBeLessThanOrEqual(20_000)
    expect(sample.length).toBeGreaterThan(10)
  })

  test('carries milestones, learning figures and the action log-probability through', () => {
    const record = records.find(({ learning }) => learning !== undefined)!
    const [sample] = sampleEpisodes([record])
    const { episode, learning } = record
    expect(sample!.steps.map((step) => step.learning)).toEqual(learning)
    const last = episode.steps.at(-1)!
    expect(sample!.steps.at(-1)!.reached).toHaveLength(last.reached.reduce((sum, z) => sum + z, 0))
    expect(sample!.steps[0]!.logprob).toBeCloseTo(
      [...episode.steps[0]!.logprobs].reduce((a, b) => a + b, 0),
      10,
    )
  })
})

describe('calibration pairs', () => {
  test('V: every learned-from step; P: those of successes', () => {
    const steps = (only: (success: boolean) => boolean, phase: number) =>
      records
        .filter(
          ({ episode, learning }) => learning && episode.phase === phase && only(episode.judgement.score > 0),
        )
        .reduce((sum, { learning }) => sum + learning!.length, 0)
    for (const { phase, calibration } of valueCalibrations(records)) {
      expect(calibration.count).toBe(steps(() => true, phase))
    }
    for (const { phase, calibration } of potentialCalibrations(records)) {
      expect(calibration.count).toBe(steps((success) => success, phase))
    }
  })

  test('a phase nothing was learned from has no curve', () => {
    expect(valueCalibrations(records.map(({ episode }) => ({ episode })))).toEqual([])
  })
})

test('heat maps share one horizon, so that phases compare', () => {
  const maps = phaseHeatMaps(records.map(({ episode }) => episode))
  expect(maps.map(({ phase }) => phase)).toEqual([0, 1, 2])
  expect(new Set(maps.map(({ map }) => map.steps)).size).toBe(1)
  const test = records.filter(({ episode }) => episode.phase === 1 && episode.task.embedded?.split === 'test')
  expect(maps[1]!.map.episodes).toEqual([test.length, test.length, test.length, test.length])
})

test('thinCurve keeps the mean and the last step', () => {
  const points = Array.from({ length: 1000 }, (_, step) => ({ step, value: step % 10 }))
  const thin = thinCurve('x', points, 100)
  expect(thin.points).toHaveLength(100)
  expect(thin.points.at(-1)).toEqual({ step: 999, value: 4.5 })
  expect(thinCurve('x', points.slice(0, 50), 100).points).toHaveLength(50)
})
