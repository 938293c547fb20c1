/**
 * How failures are distributed, by model and by site: counts and shares of all traces (the paper's figures) and of
 * the failures. Pure counting.
 */
import { type Diagnosis, FAILURE_CLASSES, type FailureClass } from './diagnosis.ts'

/** One judged episode, failed or not. */
export interface AnalysedEpisode {
  /** Who played: a run with its phase, or the model of an evaluation. */
  model: string
  /** Cross-site tasks under "cross-site". */
  site: string
  /** Absent: it succeeded. */
  diagnosis?: Diagnosis
}

export interface FailureRow {
  name: string
  /** Judged episodes, successes included. */
  traces: number
  successes: number
  failures: number
  counts: Record<FailureClass, number>
  /** Of all traces, [0, 1]; null without traces. */
  shareOfTraces: Record<FailureClass, number | null>
  /** Of the failures, [0, 1]; null without failures. */
  shareOfFailures: Record<FailureClass, number | null>
}

export interface FailureDistribution {
  total: FailureRow
  /** In the order of first appearance. */
  models: FailureRow[]
  /** Alphabetical. */
  sites: FailureRow[]
  /** Every model on every site it played. */
  cells: (FailureRow & { model: string; site: string })[]
}

export function failureDistribution(episodes: readonly AnalysedEpisode[]): FailureDistribution {
  const models = [...new Set(episodes.map(({ model }) => model))]
  const sites = [...new Set(episodes.map(({ site }) => site))].sort()
  return {
    total: row('all', episodes),
    models: models.map((model) =>
      row(
        model,
        episodes.filter((own) => own.model === model),
      ),
    ),
    sites: sites.map((site) =>
      row(
        site,
        episodes.filter((own) => own.site === site),
      ),
    ),
    cells: models.flatMap((model) =>
      sites.flatMap((site) => {
        const own = episodes.filter((episode) => episode.model === model && episode.site === site)
        return own.length > 0 ? [{ ...row(`${model}, ${site}`, own), model, site }] : []
      }),
    ),
  }
}

function row(name: string, episodes: readonly AnalysedEpisode[]): FailureRow {
  const failed = episodes.flatMap(({ diagnosis }) => diagnosis ?? [])
  const counts = perClass((kind) => failed.filter((diagnosis) => classOf(diagnosis) === kind).length)
  const share = (of: number) => perClass((kind) => (of > 0 ? counts[kind] / of : null))
  return {
    name,
    traces: episodes.length,
    successes: episodes.length - failed.length,
    failures: failed.length,
    counts,
    shareOfTraces: share(episodes.length),
    shareOfFailures: share(failed.length),
  }
}

/** The refined class where a language model was asked. */
export function classOf({ class: kind, refined }: Pick<Diagnosis, 'class' | 'refined'>): FailureClass {
  return refined?.class ?? kind
}

/** The refined key step where a language model was asked. */
export function keyStepOf({ keyStep, refined }: Pick<Diagnosis, 'keyStep' | 'refined'>): number | null {
  return refined ? refined.keyStep : keyStep
}

function perClass<T>(value: (kind: FailureClass) => T): Record<FailureClass, T> {
  return Object.fromEntries(FAILURE_CLASSES.map((kind) => [kind, value(kind)])) as Record<FailureClass, T>
}
