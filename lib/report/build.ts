/**
 * From a run directory to report.html: reads everything through lib/run, hands it to assemble.ts and the page.
 * Works on unfinished runs too; sections without data say so.
 */
import { join } from 'node:path'
import type { Rate } from '../analysis/interval.ts'
import { readRun } from '../run/directory.ts'
import type { EpisodeRecord } from '../run/episodes.ts'
import { type Evaluation, phaseResults, type RecordedEvent } from '../run/events.ts'
import { writeFileAtomic } from '../run/files.ts'
import { episodePhases, readEnvironment, readEpisodes, readEvents } from '../run/read.ts'
import {
  phaseHeatMaps,
  potentialCalibrations,
  type SampleLimits,
  sampleEpisodes,
  splitOf,
  valueCalibrations,
} from './assemble.ts'
import { trainingPanels } from './curves.ts'
import type { PhaseReport, ReportData, RunFacts } from './data.ts'
import { markFailures, readFailures } from './failures.ts'
import { reportPage } from './page/document.tsx'
import { readStudy } from './subgoals.ts'

/**
 * Writes report.html into the run directory, whole or not at all.
 * @returns its path
 * @throws RunError when the directory holds no run, or a damaged one
 */
export async function writeReport(directory: string): Promise<string> {
  const path = join(directory, 'report.html')
  await writeFileAtomic(path, reportPage(await readReportData(directory)))
  return path
}

/** @throws RunError when the directory holds no run, or a damaged one */
export async function readReportData(directory: string, limits?: SampleLimits): Promise<ReportData> {
  const { path, config, state } = await readRun(directory)
  const events = await readEvents(path)
  const records: EpisodeRecord[] = []
  for (const phase of await episodePhases(path)) records.push(...(await readEpisodes(path, phase)))
  const episodes = records.map(({ episode }) => episode)
  const failures = await readFailures(path)
  const subgoals = await readStudy(path)
  return {
    run: runFacts(path, events, await readEnvironment(path), {
      seed: config.run.seed,
      alpha: config.shaping.alpha,
      finished: state.finished,
    }),
    phases: phaseReports(events, records),
    ...(state.best && { bestPhase: state.best.phase }),
    heatMaps: phaseHeatMaps(episodes),
    training: trainingPanels(events),
    valueCalibration: valueCalibrations(records),
    potentialCalibration: potentialCalibrations(records),
    episodes: markFailures(sampleEpisodes(records, limits), failures),
    episodesInRun: episodes.length,
    ...(failures && { failures: failures.distribution }),
    ...(subgoals && { subgoals }),
  }
}

function phaseReports(events: RecordedEvent[], records: EpisodeRecord[]): PhaseReport[] {
  const reports = new Map<number, PhaseReport>()
  for (const result of phaseResults(events)) {
    reports.set(result.phase, {
      phase: result.phase,
      ...(result.test && { test: rate(result.test) }),
      ...(result.validation && { validation: rate(result.validation) }),
      ...(result.novel && { novel: rate(result.novel) }),
      sites: (result.test?.sites ?? []).map(({ site, ...counts }) => ({ site, rate: rate(counts) })),
    })
  }
  for (const { episode } of records) {
    if (splitOf(episode) !== 'train') continue
    const report = reports.get(episode.phase) ?? { phase: episode.phase, sites: [] }
    const { successes, episodes } = report.rollout ?? { successes: 0, episodes: 0 }
    report.rollout = {
      successes: successes + (episode.judgement.score > 0 ? 1 : 0),
      episodes: episodes + 1,
    }
    reports.set(episode.phase, report)
  }
  return [...reports.values()].sort((a, b) => a.phase - b.phase)
}

function rate({ successes, episodes }: Pick<Evaluation, 'successes' | 'episodes'>): Rate {
  return { successes, episodes }
}

function runFacts(
  path: string,
  events: RecordedEvent[],
  environment: Record<string, unknown>,
  config: { seed: number; alpha: number; finished: boolean },
): RunFacts {
  const first = events.find((event) => event.type === 'run')
  const end = events.findLast((event) => event.type === 'end')
  const startedAt = events[0]?.time
  const last = events.at(-1)?.time
  const elapsed = startedAt && last ? (Date.parse(last) - Date.parse(startedAt)) / 1000 : undefined
  const seconds = end?.seconds ?? elapsed
  const memory = events.reduce(
    (most, event) => (event.type === 'step' ? Math.max(most, event.memoryBytes) : most),
    0,
  )
  const facts: [string, string][] = [
    ['state', config.finished ? 'finished' : 'not finished'],
    ['shaping alpha', String(config.alpha)],
  ]
  if (memory > 0) facts.push(['peak memory', `${(memory / 2 ** 30).toFixed(2)} GiB`])
  for (const event of events)
    if (event.type === 'warning') facts.push([`warning, phase ${event.phase}`, event.message])
  return {
    name: path.split('/').at(-1) ?? path,
    ...(first?.preset !== undefined && { preset: first.preset }),
    seed: config.seed,
    ...(startedAt !== undefined && { startedAt }),
    ...(seconds !== undefined && { seconds }),
    facts: [...facts, ...flatten(environment)],
  }
}

/** Nested facts with their path as label; arrays and long texts are cut. */
function flatten(value: Record<string, unknown>, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]): [string, string][] => {
    const label = prefix ? `${prefix} ${key}` : key
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) {
      return flatten(inner as Record<string, unknown>, label)
    }
    if (/bytes$/i.test(key) && typeof inner === 'number') {
      return [[label.replace(/\s?bytes$/i, ''), `${(inner / 2 ** 30).toFixed(2)} GiB`]]
    }
    return [[label, (typeof inner === 'string' ? inner : JSON.stringify(inner)).slice(0, 200)]]
  })
}
