/** From a run directory, written by lib/run itself, to report.html. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseHTML } from 'linkedom'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../lib/config/load.ts'
import { readReportData, writeReport } from '../../lib/report/build.ts'
import { writeFigures } from '../../lib/report/figures.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import { environmentFacts } from '../../lib/run/environment.ts'
import type { Evaluation } from '../../lib/run/events.ts'
import type { Split } from '../../lib/tasks/task.ts'
import { syntheticRecords } from './synthetic.ts'

const PHASES = 3

describe('a run directory', () => {
  const parent = mkdtempSync(join(tmpdir(), 'mira-report-'))
  let directory: string
  const records = syntheticRecords({ phases: PHASES, perPhase: 30 })

  beforeAll(async () => {
    const run = await RunDirectory.create(loadConfig({}), {
      directory: join(parent, 'run'),
      environment: environmentFacts({ libtorch: '2.13.0' }),
    })
    directory = run.path
    run.record({ type: 'run', directory, seed: 1, preset: 'embedded' })
    for (let step = 1; step <= 400; step++) {
      run.record({ ...stepEvent('imitation', 0, step), loss: 3 / step })
    }
    for (let phase = 0; phase < PHASES; phase++) {
      for (let step = 1; phase > 0 && step <= 30; step++) {
        run.record(stepEvent('critics', phase, step))
        run.record({
          ...stepEvent('actor', phase, step),
          metrics: { logRatioPositive: 0.1, logRatioNegative: -0.4, tokenEntropy: 0.3 },
        })
      }
      run.record({ type: 'evaluation', phase, ...evaluation('test', 40 + 10 * phase, 120) })
      run.record({ type: 'evaluation', phase, ...evaluation('validation', 20 + 5 * phase, 60) })
      run.record({ type: 'evaluation', phase, ...evaluation('novel', 5 + phase, 30) })
      for (const { episode, learning } of records.filter((record) => record.episode.phase === phase)) {
        run.saveEpisode(episode)
        if (learning) run.saveLearning(phase, episode.id, learning)
      }
      await run.checkpoint(phase, async () => {})
    }
    await run.keepBest(1, 25 / 60)
    run.record({ type: 'end', bestPhase: 1, seconds: 321 })
    await run.finish()
    run.close()
  })
  afterAll(() => rmSync(parent, { recursive: true, force: true }))

  test('becomes report data', async () => {
    const data = await readReportData(directory)
    expect(data.bestPhase).toBe(1)
    expect(data.run).toMatchObject({ name: 'run', preset: 'embedded', seed: 1, seconds: 321 })
    expect(data.run.facts).toContainEqual(['libtorch', '2.13.0'])
    expect(data.phases.map(({ test }) => test)).toEqual([
      { successes: 40, episodes: 120 },
      { successes: 50, episodes: 120 },
      { successes: 60, episodes: 120 },
    ])
    const rollouts = records.filter(
      ({ episode }) => episode.phase === 1 && episode.task.embedded?.split === 'train',
    )
    expect(data.phases[1]?.rollout).toEqual({
      episodes: rollouts.length,
      successes: rollouts.filter(({ episode }) => episode.judgement.score > 0).length,
    })
    expect(data.phases[0]?.sites).toEqual([
      { site: 'shop', rate: { successes: 20, episodes: 60 } },
      { site: 'cross-site', rate: { successes: 20, episodes: 60 } },
    ])
    expect(data.heatMaps).toHaveLength(PHASES)
    expect(data.valueCalibration).toHaveLength(PHASES)
    expect(data.episodesInRun).toBe(PHASES * 30)
    expect(data.episodes).toHaveLength(PHASES * 30)
  })

  test('gives a panel to each loss, gradient norm and group of further figures', async () => {
    const { training } = await readReportData(directory)
    expect(
      training.map(({ title, label, series }) => [title, label, series.map(({ name }) => name)]),
    ).toEqual([
      ['Imitation', 'loss per action token', ['loss']],
      ['Imitation', 'gradient norm before clipping', ['gradient norm']],
      ['Critics', 'loss per state', ['loss']],
      ['Critics', 'gradient norm before clipping', ['gradient norm']],
      ['Actor', 'policy loss per action', ['loss']],
      ['Actor', 'gradient norm before clipping', ['gradient norm']],
      ['Actor', 'log ratio', ['positive', 'negative']],
      ['Actor', 'token entropy', ['token entropy']],
    ])
    expect(training[0]!.series[0]!.points).toHaveLength(200)
    expect(training[4]!.series[0]!.points.at(-1)!.step).toBe(60)
  })

  test('becomes report.html', async () => {
    const path = await writeReport(directory)
    expect(path).toBe(join(directory, 'report.html'))
    const { document } = parseHTML(readFileSync(path, 'utf8'))
    expect(document.querySelectorAll('section .empty')).toHaveLength(1) // the note for browsers without JavaScript
    expect(document.querySelectorAll('#sites figure')).toHaveLength(2)
  })

  test('gives figures that stand alone, with their colours for both schemes', async () => {
    const paths = await writeFigures(await readReportData(directory), join(parent, 'figures'))
    expect(paths.map((path) => basename(path))).toEqual([
      'success.svg',
      'milestones-phase-0.svg',
      'milestones-phase-2.svg',
    ])
    for (const path of paths) {
      const svg = readFileSync(path, 'utf8')
      expect(svg).toMatch(/^<svg[^>]* xmlns="http:\/\/www.w3.org\/2000\/svg"/)
      const used = [...svg.matchAll(/var\((--[a-z]+)\)/g)].map(([, name]) => name)
      expect(used.length).toBeGreaterThan(0)
      for (const name of used) expect(svg.match(new RegExp(`${name}: #`, 'g'))).toHaveLength(2)
    }
  })

  test('a folder that holds no run is refused and left alone', async () => {
    await expect(writeReport(parent)).rejects.toMatchObject({ code: 'ERR_RUN_MISSING' })
    expect(existsSync(join(parent, 'report.html'))).toBe(false)
  })
})

function stepEvent(stage: 'imitation' | 'critics' | 'actor', phase: number, step: number) {
  return {
    type: 'step' as const,
    stage,
    phase,
    step,
    total: 400,
    loss: 0.1,
    gradNorm: 1,
    learningRate: 1e-3,
    milliseconds: 10,
    tokensPerSecond: 1e4,
    memoryBytes: 2 ** 30,
  }
}

function evaluation(split: Split, successes: number, episodes: number): Evaluation {
  const half = (site: string) => ({ site, episodes: episodes / 2, successes: successes / 2 })
  return {
    split,
    episodes,
    successes,
    sites: [half('shop'), half('cross-site')],
    ends: { exit: episodes },
    seconds: 1,
  }
}
