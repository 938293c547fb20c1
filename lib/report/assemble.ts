/**
 * From a run's records to {@link ReportData}: groups, counts and samples, all deterministic.
 * Reads no file (build.ts does) and computes no statistic itself (lib/analysis does).
 */
import type { Episode } from '../agent/episode.ts'
import type { PlanStep } from '../agent/guide.ts'
import { type Calibration, calibration } from '../analysis/calibration.ts'
import { milestoneHeatMap } from '../analysis/heatmap.ts'
import { progressLabels } from '../learn/labels.ts'
import { monotoneBelief } from '../milestones/belief.ts'
import type { EpisodeRecord } from '../run/episodes.ts'
import type { ReportData, SampleEpisode, SampleStep } from './data.ts'

export interface SampleLimits {
  /** Episodes on the page at most. */
  episodes: number
  /** Characters of a page's text at most. */
  pageCharacters: number
  /** Characters of all page, action, reply and error texts of the sample at most. */
  totalCharacters: number
}

export const SAMPLE_LIMITS: SampleLimits = {
  episodes: 200,
  pageCharacters: 2000,
  totalCharacters: 1_200_000,
}

/**
 * Heat maps per phase, from the test episodes where a phase has any, else from all it has: a policy compared
 * with itself over phases should be seen on the same tasks.
 */
export function phaseHeatMaps(episodes: Episode[]): ReportData['heatMaps'] {
  const horizon = Math.max(0, ...episodes.map((episode) => episode.steps.length))
  return phasesOf(episodes).flatMap((phase) => {
    const all = episodes.filter((episode) => episode.phase === phase && episode.steps.length > 0)
    const test = all.filter((episode) => splitOf(episode) === 'test')
    const map = milestoneHeatMap(test.length > 0 ? test : all, Math.max(1, horizon))
    return map.milestones > 0 ? [{ phase, map }] : []
  })
}

/** V(s_t) of every learned-from step against the episode's outcome, per phase. */
export function valueCalibrations(records: EpisodeRecord[]): ReportData['valueCalibration'] {
  return perPhase(records, ({ episode, learning }, pairs) => {
    for (const step of learning ?? []) pairs.push([step.value, episode.judgement.score > 0 ? 1 : 0])
  })
}

/** P(s_t) against p*_t, on successes only: those are what the potential critic learns from. */
export function potentialCalibrations(records: EpisodeRecord[]): ReportData['potentialCalibration'] {
  return perPhase(records, ({ episode, learning }, pairs) => {
    const milestones = milestoneCount(episode)
    if (!learning || episode.judgement.score <= 0 || milestones === 0) return
    const labels = progressLabels(
      episode.steps.map((step) => step.reached),
      milestones,
      true,
    )
    learning.forEach((step, t) => {
      pairs.push([step.potential, labels?.[t] ?? 0])
    })
  })
}

/**
 * Draws evenly over (phase, split, outcome), first come first served within each, until a limit is reached;
 * the order of the result is phase, then the order of the run.
 */
export function sampleEpisodes(
  records: EpisodeRecord[],
  limits: SampleLimits = SAMPLE_LIMITS,
): SampleEpisode[] {
  const strata = new Map<string, EpisodeRecord[]>()
  for (const record of records) {
    const { episode } = record
    const key = `${episode.phase}/${splitOf(episode)}/${episode.judgement.score > 0}`
    const stratum = strata.get(key)
    if (stratum) stratum.push(record)
    else strata.set(key, [record])
  }
  const chosen = new Map<EpisodeRecord, SampleEpisode>()
  let characters = 0
  for (let round = 0; ; round++) {
    const candidates = [...strata.values()].flatMap((stratum) => stratum[round] ?? [])
    if (candidates.length === 0) break
    for (const record of candidates) {
      if (chosen.size >= limits.episodes) return inOrder(records, chosen)
      const sample = sampleEpisode(record, limits.pageCharacters)
      const size = sample.steps.reduce(
        (sum, s) => sum + s.page.length + s.action.length + (s.error?.length ?? 0) + (s.reply?.length ?? 0),
        0,
      )
      if (characters + size > limits.totalCharacters) return inOrder(records, chosen)
      characters += size
      chosen.set(record, sample)
    }
  }
  return inOrder(records, chosen)
}

function inOrder(records: EpisodeRecord[], chosen: Map<EpisodeRecord, SampleEpisode>): SampleEpisode[] {
  return records.flatMap((record) => chosen.get(record) ?? []).sort((a, b) => a.phase - b.phase)
}

function sampleEpisode({ episode, learning }: EpisodeRecord, pageCharacters: number): SampleEpisode {
  const { task } = episode
  const milestones = milestoneCount(episode)
  const z = monotoneBelief(episode.steps.map((step) => step.reached))
  return {
    id: episode.id,
    phase: episode.phase,
    split: splitOf(episode),
    site: task.sites.length > 1 ? 'cross-site' : (task.sites[0] ?? 'unknown'),
    template: task.embedded?.template ?? String(task.intent_template_id),
    intent: task.intent,
    success: episode.judgement.score > 0,
    end: episode.end,
    ...(episode.answer !== undefined && { answer: episode.answer }),
    details: episode.judgement.details,
    milestones: Array.from(
      { length: milestones },
      (_, k) => task.embedded?.milestones[k] ?? `milestone ${k + 1}`,
    ),
    steps: episode.steps.map((step, t): SampleStep => {
      const learned = learning?.[t]
      return {
        url: step.url,
        page: cut(step.pageText, pageCharacters),
        action: step.actionText,
        ...(step.error !== undefined && { error: step.error }),
        reached: Array.from({ length: milestones }, (_, k) => k).filter((k) => z[t * milestones + k] === 1),
        logprob: step.logprobs.reduce((sum, logprob) => sum + logprob, 0),
        ...(learned && { learning: learned }),
        ...(step.said && { reply: cut(step.said.reply, pageCharacters) }),
        ...(step.plan && { plan: planOf(step.plan) }),
      }
    }),
  }
}

function cut(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters)} …` : text
}

function planOf({ milestones, z, target, next, note }: PlanStep): NonNullable<SampleStep['plan']> {
  return {
    milestones,
    z,
    ...(target !== undefined && { target }),
    ...(next !== undefined && { next }),
    ...(note !== undefined && { note }),
  }
}

function perPhase(
  records: EpisodeRecord[],
  collect: (record: EpisodeRecord, pairs: [prediction: number, target: number][]) => void,
): { phase: number; calibration: Calibration }[] {
  return phasesOf(records.map(({ episode }) => episode)).flatMap((phase) => {
    const pairs: [number, number][] = []
    for (const record of records) if (record.episode.phase === phase) collect(record, pairs)
    if (pairs.length === 0) return []
    return [
      {
        phase,
        calibration: calibration(
          pairs.map(([p]) => p),
          pairs.map(([, y]) => y),
        ),
      },
    ]
  })
}

function phasesOf(episodes: Episode[]): number[] {
  return [...new Set(episodes.map(({ phase }) => phase))].sort((a, b) => a - b)
}

/** Split the episode's task belongs to; tasks from outside name none. */
export function splitOf(episode: Episode): SampleEpisode['split'] {
  return episode.task.embedded?.split ?? 'unknown'
}

function milestoneCount(episode: Episode): number {
  return episode.steps[0]?.reached.length ?? 0
}
