/**
 * What is in a file or folder of WebRL data: its format, found by its keys, and counts of what it holds. Everything
 * is validated on the way, so that a file with a summary is a file that can be used.
 */
import { stat } from 'node:fs/promises'
import { WebRLError } from './errors.ts'
import { jsonObjects } from './json-objects.ts'
import { type PolicyRow, policyRow } from './policy-rows.ts'
import { check } from './records.ts'
import { type Conversation, conversation } from './sft.ts'
import { type FixedStep, readFixedTrace, readResults, readTrace, type TraceStep } from './trace.ts'
import { codePoints } from './text.ts'

/** results: a folder of traces and actions; orm: conversations that answer YES or NO. */
export type WebRLFormat = 'results' | 'trace' | 'fixed-trace' | 'rows' | 'sft' | 'orm'

export interface WebRLInfo {
  format: WebRLFormat
  /** Lines, rows or conversations. */
  records: number
  /** Finished trajectories; absent where the format keeps none. */
  trajectories?: number
  /** Successful trajectories, or items that say YES; absent where the format has no scores. */
  successes?: number
  /** Different task texts. */
  tasks?: number
  /** Code points of what the model reads and of what it writes. */
  input: Spread
  output: Spread
}

export interface Spread {
  min: number
  median: number
  max: number
}

/** @throws WebRLError for a path that holds none of the formats, or a wrong file */
export async function formatOf(path: string): Promise<WebRLFormat> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new WebRLError('ERR_WEBRL_MISSING', `expected a file or folder ${path}, it cannot be read`, {
      cause,
    })
  })
  if (info.isDirectory()) return 'results'
  for await (const item of jsonObjects(path)) {
    if (item.kind !== 'object') continue
    const found = formatOfObject(item.value as Record<string, unknown>)
    if (found) return found
    throw new WebRLError(
      'ERR_WEBRL_FORMAT',
      `${path} line ${item.line}: expected a trace line (trace_id), a policy row (observation) or a conversation ` +
        `(conversations), received keys ${
          Object.keys(item.value as object)
            .slice(0, 8)
            .join(', ') || 'none'
        }`,
    )
  }
  throw new WebRLError('ERR_WEBRL_FORMAT', `${path}: expected at least one object, the file has none`)
}

function formatOfObject(value: Record<string, unknown>): WebRLFormat | undefined {
  if ('observation' in value) return 'rows'
  if ('trace_id' in value) return 'fixed_response' in value ? 'fixed-trace' : 'trace'
  if (!Array.isArray(value.conversations)) return undefined
  const last = (value.conversations as { value?: unknown }[]).at(-1)?.value
  return last === 'YES' || last === 'NO' ? 'orm' : 'sft'
}

/** @throws WebRLError for the first thing that is wrong */
export async function describe(path: string): Promise<WebRLInfo> {
  const format = await formatOf(path)
  const count = new Counts()
  if (format === 'results') {
    for await (const { steps } of readResults(path)) count.trace(steps)
  } else if (format === 'trace') {
    count.trace(await readTrace(path))
  } else if (format === 'fixed-trace') {
    count.trace(await readFixedTrace(path))
  } else {
    const schema = format === 'rows' ? policyRow : conversation
    const what = format === 'rows' ? 'a policy row' : 'a conversation'
    for await (const item of jsonObjects(path)) {
      if (item.kind !== 'object') continue
      const value = check<typeof policyRow | typeof conversation>(
        schema,
        item.value,
        what,
        `${path} line ${item.line}`,
      )
      if ('observation' in value) count.row(value)
      else count.conversation(value, format === 'orm')
    }
  }
  return count.info(format)
}

class Counts {
  #records = 0
  #trajectories: number | undefined
  #successes: number | undefined
  readonly #tasks = new Set<string>()
  readonly #input: number[] = []
  readonly #output: number[] = []

  trace(steps: readonly (TraceStep | FixedStep)[]): void {
    for (const step of steps) this.#record(step.html, step.response, step.target)
    const last = steps.at(-1)
    if (!last) return
    this.#trajectories = (this.#trajectories ?? 0) + 1
    if ('score' in last) this.#successes = (this.#successes ?? 0) + (last.score >= 0.5 ? 1 : 0)
  }

  row(row: PolicyRow): void {
    this.#record(row.observation, row.action, row.task)
    // Every trajectory has exactly one last row, even where rows are shuffled.
    this.#trajectories ??= 0
    this.#successes ??= 0
    if (!row.done) return
    this.#trajectories++
    this.#successes += row.trajectory_reward
  }

  conversation({ conversations }: Conversation, outcome: boolean): void {
    const last = conversations.at(-1)?.value ?? ''
    this.#record(conversations[0]?.value ?? '', last)
    if (outcome) this.#successes = (this.#successes ?? 0) + (last === 'YES' ? 1 : 0)
  }

  info(format: WebRLFormat): WebRLInfo {
    return {
      format,
      records: this.#records,
      ...(this.#trajectories !== undefined && { trajectories: this.#trajectories }),
      ...(this.#successes !== undefined && { successes: this.#successes }),
      ...(this.#tasks.size > 0 && { tasks: this.#tasks.size }),
      input: spread(this.#input),
      output: spread(this.#output),
    }
  }

  #record(input: string, output: string, task?: string): void {
    this.#records++
    this.#input.push(codePoints(input))
    this.#output.push(codePoints(output))
    if (task !== undefined) this.#tasks.add(task)
  }
}

function spread(lengths: number[]): Spread {
  const sorted = lengths.sort((a, b) => a - b)
  return {
    min: sorted[0] ?? 0,
    median: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0,
    max: sorted.at(-1) ?? 0,
  }
}
