/**
 * One form of WebRL data into another: scored traces are what everything can be made of, policy rows what training
 * reads. Streams: no more than one trajectory is in memory.
 */
import { WebRLError } from './errors.ts'
import { formatOf } from './info.ts'
import { ORM_SYSTEM } from './orm-prompt.ts'
import { type PolicyRow, readTrajectories, rowsOfTrace, traceOfRows } from './policy-rows.ts'
import { writeJsonArray, writeJsonLines } from './records.ts'
import { type Conversation, conversationOfRow, ormItem } from './sft.ts'
import { readFixedTrace, readResults, type ScoredTrace, writeResult } from './trace.ts'

export const TARGETS = ['results', 'rows', 'sft', 'orm'] as const
/** results: traces, actions and fixed_traces in a folder; rows, sft, orm: one file, an array where it ends in .json. */
export type WebRLTarget = (typeof TARGETS)[number]

export interface ConvertOptions {
  /** The published prompts with their quirks. */
  strict?: boolean
  /** Only trajectories with a score of 0.5 or more. */
  successes?: boolean
  /** Also trajectories nobody scored (below 0), which upstream counts as failures. */
  unscored?: boolean
  /** System text of outcome items; default our own. */
  ormSystem?: string
}

export interface Converted {
  /** Records written: traces, rows or conversations. */
  records: number
  trajectories: number
  /** Trajectories left out because nobody scored them. */
  unscored: number
}

/** Scored traces of a results folder, a fixed trace or a file of policy rows. @throws WebRLError for other formats */
export async function* readTraces(path: string): AsyncGenerator<ScoredTrace> {
  const format = await formatOf(path)
  if (format === 'results') {
    yield* readResults(path)
  } else if (format === 'fixed-trace') {
    const steps = await readFixedTrace(path)
    yield { id: String(steps[0]?.trace_id), steps }
  } else if (format === 'rows') {
    let number = 0
    for await (const rows of readTrajectories(path)) {
      yield { id: String(number), steps: traceOfRows(rows, number) }
      number++
    }
  } else {
    throw new WebRLError(
      'ERR_WEBRL_FORMAT',
      `${path}: expected scored trajectories (a results folder, a fixed trace, policy rows), received ${format}, ` +
        'which has no scores to go by',
    )
  }
}

/** Writes traces in another form. */
export async function writeTraces(
  traces: AsyncIterable<ScoredTrace> | Iterable<ScoredTrace>,
  target: WebRLTarget,
  out: string,
  options: ConvertOptions = {},
): Promise<Converted> {
  const tally = { trajectories: 0, unscored: 0 }
  const chosen = select(traces, (trace) => trace.steps.at(-1)?.score ?? -1, options, tally)
  if (target === 'results') {
    for await (const trace of chosen) await writeResult(out, trace)
    return { records: tally.trajectories, ...tally }
  }
  async function* values(): AsyncGenerator<PolicyRow | Conversation> {
    for await (const { steps } of chosen) {
      if (target === 'orm') yield ormItem(steps, options.ormSystem ?? ORM_SYSTEM)
      else yield* as(target as 'rows' | 'sft', rowsOfTrace(steps, { strict: options.strict ?? false }))
    }
  }
  return { records: await writeValues(out, values()), ...tally }
}

/** Reads a file or folder and writes it in another form; rows keep their prompts as they are. */
export async function convert(
  path: string,
  target: WebRLTarget,
  out: string,
  options: ConvertOptions = {},
): Promise<Converted> {
  const direct = (await formatOf(path)) === 'rows' && (target === 'rows' || target === 'sft')
  if (!direct) return writeTraces(readTraces(path), target, out, options)
  const tally = { trajectories: 0, unscored: 0 }
  const chosen = select(readTrajectories(path), (rows) => rows.at(-1)?.reward ?? -1, options, tally)
  async function* values() {
    for await (const rows of chosen) yield* as(target as 'rows' | 'sft', rows)
  }
  return { records: await writeValues(out, values()), ...tally }
}

function* as(target: 'rows' | 'sft', rows: readonly PolicyRow[]): Generator<PolicyRow | Conversation> {
  for (const row of rows) {
    if (target === 'rows') yield row
    // Where the harness stopped an episode there is no action to learn.
    else if (row.action !== '') yield conversationOfRow(row)
  }
}

async function* select<T>(
  items: AsyncIterable<T> | Iterable<T>,
  scoreOf: (item: T) => number,
  { successes = false, unscored = false }: ConvertOptions,
  tally: { trajectories: number; unscored: number },
): AsyncGenerator<T> {
  for await (const item of items) {
    const score = scoreOf(item)
    if (score < 0 && !unscored) {
      tally.unscored++
    } else if (!successes || score >= 0.5) {
      tally.trajectories++
      yield item
    }
  }
}

function writeValues(out: string, values: AsyncIterable<unknown>): Promise<number> {
  return out.endsWith('.json') ? writeJsonArray(out, values) : writeJsonLines(out, values)
}
