/** An evaluation as lines of text: one per episode while it runs, a table at its end. */
import { workLines } from '../evaluation/model-facts.ts'
import type { EvaluationResult } from '../evaluation/result.ts'
import type { EvaluationEvent } from '../evaluation/run.ts'
import type { Group, Success } from '../evaluation/summary.ts'
import type { Context } from './commands/context.ts'
import type { OutputFlags } from './options.ts'
import type { Output, TerminalMode } from './terminal.ts'

export function evaluationReporter(mode: TerminalMode, out: Output): (event: EvaluationEvent) => void {
  if (mode === 'quiet') return () => {}
  if (mode === 'json') return (event) => out.write(`${JSON.stringify(plainEvent(event))}\n`)
  return (event) => out.write(`${eventLine(event)}\n`)
}

/** An event without pages, prompts and token ids. */
function plainEvent(event: EvaluationEvent): object {
  if (event.type === 'retry')
    return { ...event, item: { key: event.item.key, task: event.item.task.task_id } }
  if (event.type !== 'item') return event
  const { item, record, ...rest } = event
  const about = { key: item.key, task: item.task.task_id, attempt: item.attempt }
  if (record.kind === 'error') return { ...rest, ...about, error: record.error }
  const { end, steps, judgement, seconds } = record.episode
  return { ...rest, ...about, end, steps: steps.length, ...judgement, seconds }
}

export function eventLine(event: EvaluationEvent): string {
  switch (event.type) {
    case 'start':
      return event.done > 0
        ? `${event.total} episodes, ${event.done} played before`
        : `${event.total} episodes`
    case 'reset':
      return `resetting ${event.names.join(', ')} before attempt ${event.attempt + 1}`
    case 'note':
      return `note: ${event.note}`
    case 'retry':
      return `task ${event.item.task.task_id}: playing once more, the environment failed: ${event.message}`
    case 'item': {
      const { item, record, done, total } = event
      const place = `${String(done).padStart(String(total).length)}/${total}  task ${item.task.task_id}`
      if (record.kind === 'error') return `${place}  infrastructure: ${record.error.message}`
      const { end, steps, judgement, seconds } = record.episode
      const verdict =
        judgement.unscorable === undefined ? (judgement.score >= 1 ? 'solved' : 'failed') : 'unscorable'
      return `${place}  ${verdict}  ${steps.length} steps, ${end}, ${seconds.toFixed(1)} s`
    }
  }
}

/** The figures with both denominators, then the columns, then what to bear in mind. */
export function summaryText(result: EvaluationResult): string {
  const { provenance, summary, notes } = result
  const rows = [
    ['', 'tasks', 'success [95%]', 'solved', 'of those with a score'],
    ['all tasks', String(summary.tasks), ...figures(summary.all), scored(summary.scored)],
    ...[...summary.columns, ...summary.others].map((group: Group) => [
      group.name,
      String(group.tasks),
      ...figures(group.all),
      scored(group.scored),
    ]),
    ...(summary.attempts > 1
      ? summary.passAtK.map(({ k, rate, tasks }) => [`pass@${k}`, String(tasks), percent(rate), '', ''])
      : []),
  ]
  const { scored: known, unscorable, error, open } = summary.counts
  return [
    `${provenance.suite} | ${provenance.model.path} | dialect ${provenance.scoring.dialect} | judge ${provenance.scoring.judge ?? 'none'}`,
    aligned(rows),
    `episodes: ${known} scored, ${unscorable} unscorable, ${error} failed for infrastructure, ${open} not played`,
    ...workLines(result),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n')
}

function figures(own: Success): string[] {
  const interval = own.rate === null ? '' : ` [${(100 * own.low).toFixed(1)}, ${(100 * own.high).toFixed(1)}]`
  return [`${percent(own.rate)}${interval}`, `${own.successes}/${own.episodes}`]
}

const scored = (own: Success) => `${percent(own.rate)} of ${own.episodes}`

function percent(rate: number | null): string {
  return rate === null ? '-' : `${(100 * rate).toFixed(1)}%`
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The page of an evaluation's folder, and where both are. */
export async function writeReport(path: string, flags: OutputFlags, context: Context): Promise<void> {
  const { writeEvaluationReport } = await import('../report/evaluation.ts')
  const report = await writeEvaluationReport(path)
  context.out.write(
    flags.json ? `${JSON.stringify({ type: 'end', directory: path, report })}\n` : `results  ${path}\n`,
  )
}
