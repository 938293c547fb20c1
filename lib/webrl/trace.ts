/**
 * A played episode as VisualAgentBench's harness leaves it: `traces/<id>.jsonl`, one line per action, and
 * `actions/<id>.json` with the score; joined they are what WebRL calls a fixed trace. Builds no prompts.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { WebRLError } from './errors.ts'
import { check, readRecords, writeJsonLines } from './records.ts'

const traceId = z.union([z.int(), z.string().min(1)])

export const traceStep = z.object({
  trace_id: traceId,
  /** Number of the action from 0. */
  index: z.int().min(0),
  /** What stood for the page in later prompts: the intent at index 0, "** Simplified html **" after it. */
  prompt: z.string(),
  /** The page the action was chosen on, before it was carried out. */
  html: z.string(),
  /** The model's text as it came, comment lines included; "" where the harness stopped the episode. */
  response: z.string(),
  /** The intent. */
  target: z.string(),
})
export type TraceStep = z.infer<typeof traceStep>

export const fixedStep = traceStep.extend({
  fixed_response: z.string(),
  /** Of the whole episode: 1 success, 0 failure, -0.1 never scored. */
  score: z.number(),
})
export type FixedStep = z.infer<typeof fixedStep>

export const actionsFile = z.object({
  task_id: traceId,
  score: z.number(),
  actions: z.array(z.string()),
})
export type ActionsFile = z.infer<typeof actionsFile>

export interface ScoredTrace {
  id: string
  steps: FixedStep[]
}

/** Joins a trace with its score (the first stage of WebRL's process_data). */
export function fixTrace(steps: readonly TraceStep[], score: number): FixedStep[] {
  return steps.map((step) => ({ ...step, fixed_response: step.response, score }))
}

/** @throws WebRLError also where a file holds the steps of two runs */
export async function readTrace(path: string): Promise<TraceStep[]> {
  return consecutive(path, readRecords(path, traceStep, 'a line of a trace'))
}

/** @throws WebRLError also where a file holds the steps of two runs */
export async function readFixedTrace(path: string): Promise<FixedStep[]> {
  return consecutive(path, readRecords(path, fixedStep, 'a line of a fixed trace'))
}

export async function readActions(path: string): Promise<ActionsFile> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new WebRLError(
      'ERR_WEBRL_FORMAT',
      `${path}: expected the JSON of an actions file, it cannot be read`,
      {
        cause,
      },
    )
  }
  return check(actionsFile, value, 'an actions file', path)
}

/**
 * Every scored trace of a results folder, in the order of their numbers: fixed_traces where there are some, else
 * traces with the scores of actions.
 * @throws WebRLError when the folder is no results folder, a trace has no score, or a file is wrong
 */
export async function* readResults(folder: string): AsyncGenerator<ScoredTrace> {
  const fixed = join(folder, 'fixed_traces')
  const source = existsSync(fixed) ? fixed : join(folder, 'traces')
  if (!existsSync(source)) {
    throw new WebRLError(
      'ERR_WEBRL_MISSING',
      `expected traces or fixed_traces in ${folder}, found neither; name the folder of results that holds them`,
    )
  }
  for (const id of await idsOf(source)) {
    const path = join(source, `${id}.jsonl`)
    if (source === fixed) {
      yield { id, steps: await readFixedTrace(path) }
      continue
    }
    const actions = join(folder, 'actions', `${id}.json`)
    if (!existsSync(actions)) {
      throw new WebRLError(
        'ERR_WEBRL_MISSING',
        `${path}: expected its score in ${actions}, there is no such file; add it or take the trace away`,
      )
    }
    const { score } = await readActions(actions)
    yield { id, steps: fixTrace(await readTrace(path), score) }
  }
}

/** Writes traces, actions and fixed_traces of one episode into a results folder. */
export async function writeResult(folder: string, { id, steps }: ScoredTrace): Promise<void> {
  const first = steps[0]
  if (!first || !/^[\w.-]+$/.test(id)) {
    throw new WebRLError(
      'ERR_WEBRL_FORMAT',
      `trace ${JSON.stringify(id)}: expected at least one step and an id of letters, digits, dots and hyphens`,
    )
  }
  const bare = steps.map(({ fixed_response, score, ...step }): TraceStep => step)
  const actions: ActionsFile = {
    task_id: first.trace_id,
    score: first.score,
    actions: steps.map((step) => step.response),
  }
  await writeJsonLines(join(folder, 'traces', `${id}.jsonl`), bare)
  await writeJsonLines(join(folder, 'actions', `${id}.json`), [actions])
  await writeJsonLines(join(folder, 'fixed_traces', `${id}.jsonl`), steps)
}

async function idsOf(folder: string): Promise<string[]> {
  const ids = (await readdir(folder)).flatMap((name) => /^(.+)\.jsonl$/.exec(name)?.[1] ?? [])
  return ids.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}

async function consecutive<T extends TraceStep>(
  path: string,
  records: AsyncIterable<{ value: T; line: number }>,
): Promise<T[]> {
  const steps: T[] = []
  for await (const { value, line } of records) {
    const first = steps[0] ?? value
    if (value.index !== steps.length || value.target !== first.target) {
      throw new WebRLError(
        'ERR_WEBRL_FORMAT',
        `${path} line ${line}: expected step ${steps.length} of ${JSON.stringify(first.target.slice(0, 60))}, ` +
          `received step ${value.index} of ${JSON.stringify(value.target.slice(0, 60))}; keep one run in a file`,
      )
    }
    steps.push(value)
  }
  return steps
}
