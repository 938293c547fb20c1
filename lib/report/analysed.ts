/**
 * The folders the analysis reads, all in one form: run directories with the episodes of their phases, and folders of
 * evaluations with their items. Reads only.
 */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { FailureTrace } from '../analysis/failures/diagnosis.ts'
import { readEvaluation } from '../evaluation/folder.ts'
import { planItems } from '../evaluation/item.ts'
import type { Provenance } from '../evaluation/provenance.ts'
import { readRun } from '../run/directory.ts'
import type { EpisodeRecord } from '../run/episodes.ts'
import { episodePhases, readEpisodes } from '../run/read.ts'
import type { Split } from '../tasks/task.ts'
import { splitOf } from './assemble.ts'

export interface AnalysedFolder {
  /** Absolute path. */
  path: string
  /** Its last part. */
  name: string
  kind: 'run' | 'evaluation'
  traces: AnalysedTrace[]
  /** With what learning saw; the phase of an evaluation's episode is its attempt, from 0. */
  records: EpisodeRecord[]
  /** Played, but nobody could score: neither success nor failure. */
  unscorable: number
}

export interface AnalysedTrace {
  trace: FailureTrace
  /** "seed-1, phase 3", or the model of an evaluation. */
  model: string
  site: string
  /** Phase of a run, attempt of an evaluation (from 0). */
  phase: number
  split: Split | 'unknown'
}

export interface FolderFilter {
  /** Phases of a run to read; absent = all. Evaluations have none. */
  phase?: number
  split?: Split
}

/** @throws RunError when the folder is neither, or damaged */
export async function readAnalysed(directory: string, filter: FolderFilter = {}): Promise<AnalysedFolder> {
  const folder = existsSync(join(directory, 'evaluation.json'))
    ? await fromEvaluation(directory)
    : await fromRun(directory, filter.phase)
  const { split } = filter
  if (split === undefined) return folder
  return {
    ...folder,
    traces: folder.traces.filter((own) => own.split === split),
    records: folder.records.filter(({ episode }) => splitOf(episode) === split),
  }
}

async function fromRun(directory: string, wanted: number | undefined): Promise<AnalysedFolder> {
  const { path } = await readRun(directory)
  const name = basename(path)
  const phases = (await episodePhases(path)).filter((phase) => wanted === undefined || phase === wanted)
  const records: EpisodeRecord[] = []
  for (const phase of phases) records.push(...(await readEpisodes(path, phase)))
  const scored = records.filter(({ episode }) => episode.judgement.unscorable === undefined)
  return {
    path,
    name,
    kind: 'run',
    records: scored,
    unscorable: records.length - scored.length,
    traces: scored.map(({ episode }) => ({
      trace: episode,
      model: `${name}, ${episode.phase === 0 ? 'imitation' : `phase ${episode.phase}`}`,
      site: siteOf(episode.task.sites),
      phase: episode.phase,
      split: splitOf(episode),
    })),
  }
}

async function fromEvaluation(directory: string): Promise<AnalysedFolder> {
  const { path, provenance, tasks, records: items } = await readEvaluation(directory)
  const named = agentName(provenance)
  const records: EpisodeRecord[] = []
  const traces: AnalysedTrace[] = []
  let unscorable = 0
  for (const { key, task, attempt } of planItems(tasks, provenance.attempts, provenance.seed)) {
    const item = items.get(key)
    if (!item) continue
    if (item.kind === 'episode' && item.episode.judgement.unscorable !== undefined) {
      unscorable++
      continue
    }
    if (item.kind === 'episode') records.push({ episode: { ...item.episode, phase: attempt } })
    const broken = item.kind === 'error' ? item.error.message : undefined
    traces.push({
      trace:
        item.kind === 'episode'
          ? item.episode
          : { id: key, task, steps: [], end: 'error', judgement: { score: 0, details: [`fail ${broken}`] } },
      model: named,
      site: siteOf(task.sites),
      phase: attempt,
      split: task.embedded?.split ?? 'unknown',
    })
  }
  return { path, name: basename(path), kind: 'evaluation', traces, records, unscorable }
}

/** "gemma, phase 3, SGO oracle": one model with and without a guide is two agents. */
export function agentName({ model, sgo }: Pick<Provenance, 'model' | 'sgo'>): string {
  const named = `${basename(model.path)}${model.phase === undefined ? '' : `, phase ${model.phase}`}`
  if (!sgo) return named
  const { planner, rater, noise, thinking } = sgo
  return [
    `${named}, SGO ${planner}`,
    rater === planner ? '' : ` rated by ${rater}`,
    noise ? ` with noise ${noise.falseNegative}/${noise.falsePositive}` : '',
    thinking === null || planner === 'oracle' ? '' : ` thinking ${thinking}`,
  ].join('')
}

function siteOf(sites: readonly string[]): string {
  return sites.length > 1 ? 'cross-site' : (sites[0] ?? 'unknown')
}
