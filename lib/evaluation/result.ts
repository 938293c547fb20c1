/** An evaluation as one plain object: with what it was made, its figures, every item, and what to bear in mind. */
import type { SiteGroup } from './columns.ts'
import { columnsOf } from './columns.ts'
import type { EvaluationContents } from './folder.ts'
import { type EvaluationItem, planItems } from './item.ts'
import { deviations, type Provenance } from './provenance.ts'
import { type ModelWork, workOf } from './work.ts'
import { type ItemOutcome, outcomes, type Summary, summarise } from './summary.ts'

export interface ResultItem extends ItemOutcome {
  task: string | number
  sites: readonly string[]
  intent: string
}

export interface EvaluationResult {
  provenance: Provenance
  /** Everything has been played. */
  complete: boolean
  summary: Summary
  /** What language models took, as planners and as agents. */
  work: ModelWork
  /** Sentences: what a reader of the figures must know. */
  notes: string[]
  items: ResultItem[]
}

/** Figures of a folder as it stands, complete or not. */
export function resultOf(
  contents: Pick<EvaluationContents, 'provenance' | 'tasks' | 'records'>,
): EvaluationResult {
  const { provenance, tasks, records } = contents
  const items = planItems(tasks, provenance.attempts, provenance.seed)
  const results = outcomes(items, records)
  const columns: SiteGroup = columnsOf(provenance.suite)
  const summary = summarise(items, results, {
    column: ({ task }) => columns.column(task),
    group: ({ task }) => columns.group(task),
    columns: columns.names,
  })
  return {
    provenance,
    complete: summary.counts.open === 0,
    summary,
    work: workOf(records.values()),
    notes: [...notesOn(summary), ...deviations(provenance)],
    items: results.map((result, i) => {
      const { task } = items[i] as EvaluationItem
      const record = records.get(result.key)
      // MiniWoB++ says what is to be done only when the page is open.
      const intent = record?.kind === 'episode' ? record.episode.task.intent : task.intent
      return { ...result, task: task.task_id, sites: task.sites, intent }
    }),
  }
}

function notesOn({ counts, attempts }: Summary): string[] {
  const notes: string[] = []
  const episodes = (n: number) => (n === 1 ? '1 episode' : `${n} episodes`)
  if (counts.open > 0) notes.push(`${episodes(counts.open)} not played yet: the figures are preliminary`)
  if (counts.error > 0) {
    notes.push(
      `${episodes(counts.error)} failed for infrastructure, twice each; play them again with --resume DIR --retry-errors`,
    )
  }
  if (counts.unscorable > 0) {
    notes.push(`${episodes(counts.unscorable)} played that nobody could score; see the reasons of the items`)
  }
  if (attempts > 1) {
    notes.push(
      `every task was played ${attempts} times; success is the mean of the attempts, its interval counts every task as one draw`,
    )
  }
  return notes
}
