/**
 * Policy rows: what WebRL trains on, one row per action with the seven keys of its process_data, from scored traces
 * and back. Rows travel as JSON Lines, one row a line or one array per trajectory; the pickle is refused.
 */
import { z } from 'zod'
import { WebRLError } from './errors.ts'
import { type JsonItem, jsonObjects } from './json-objects.ts'
import {
  completionPrompt,
  PAST_PAGE,
  parseCompletionPrompt,
  type PromptOptions,
  type Round,
} from './prompt.ts'
import { check } from './records.ts'
import type { FixedStep } from './trace.ts'

export const policyRow = z.object({
  /** The completion prompt the action answers. */
  observation: z.string(),
  /** The prompt after it; behind the last action the same page once more, with that action in its history. */
  next_observation: z.string(),
  /** The intent. */
  task: z.string(),
  /** The score of the trajectory, on every one of its rows. */
  reward: z.number(),
  /** True on the last row of a trajectory, and only there. */
  done: z.boolean(),
  /** The model's text, without an end-of-turn token. */
  action: z.string(),
  /** 1 where the score is 0.5 or more. */
  trajectory_reward: z.union([z.literal(0), z.literal(1)]),
  /** Discounted sum of rewards from this row on; files named _filter carry it. */
  mc_return: z.number().optional(),
  /** exp(mean log-probability of the action's tokens); files named _filter carry it. */
  rank_score: z.number().optional(),
})
export type PolicyRow = z.infer<typeof policyRow>

/** The rows of one scored trace. Quirks of the published prompts only with `strict`. */
export function rowsOfTrace(steps: readonly FixedStep[], options: PromptOptions = {}): PolicyRow[] {
  const last = steps.at(-1)
  if (!last) return []
  const rounds = steps.map((step): Round => ({ user: step.prompt, reply: step.fixed_response }))
  const prompt = (turn: number, page: string) =>
    completionPrompt({ intent: last.target, rounds: rounds.slice(0, turn), page }, options)
  return steps.map((step, i) => ({
    observation: prompt(i, step.html),
    next_observation: prompt(i + 1, (steps[i + 1] ?? step).html),
    task: last.target,
    reward: last.score,
    done: i === steps.length - 1,
    action: step.fixed_response,
    trajectory_reward: last.score >= 0.5 ? 1 : 0,
  }))
}

/**
 * The scored trace behind a trajectory's rows; pages are as long as the prompts left them.
 * @throws WebRLError where an observation is no completion prompt
 */
export function traceOfRows(rows: readonly PolicyRow[], id: number | string): FixedStep[] {
  return rows.map((row, i) => {
    const parts = parseCompletionPrompt(row.observation)
    if (!parts) {
      throw new WebRLError(
        'ERR_WEBRL_FORMAT',
        `trajectory ${id} row ${i}: expected a completion prompt in observation ("Task Instruction: ..., Round ..."), ` +
          `received ${JSON.stringify(row.observation.slice(0, 60))}`,
      )
    }
    // What stood for this page in later prompts is first written down in the next one.
    const user = parseCompletionPrompt(row.next_observation)?.rounds.at(-1)?.user
    return {
      trace_id: id,
      index: i,
      prompt: user ?? (i === 0 ? row.task : PAST_PAGE),
      html: parts.page,
      response: row.action,
      target: row.task,
      fixed_response: row.action,
      score: row.reward,
    }
  })
}

/**
 * Trajectories of a file: arrays of rows where the file has such, else rows up to each `done`.
 * @throws WebRLError naming file and line; also where a trajectory ends without `done`
 */
export async function* readTrajectories(path: string): AsyncGenerator<PolicyRow[]> {
  let rows: PolicyRow[] = []
  let started = 0
  for await (const item of jsonObjects(path)) {
    if (item.kind === 'end') {
      if (rows.length > 0) throw unfinished(path, item, started)
      continue
    }
    const row = check(policyRow, item.value, 'a policy row', `${path} line ${item.line}`)
    if (rows.length === 0) started = item.line
    else if (row.task !== rows[0]?.task) throw unfinished(path, item, started)
    rows.push(row)
    if (!row.done) continue
    yield rows
    rows = []
  }
  if (rows.length > 0) throw unfinished(path, undefined, started)
}

/** Rows of a file one by one, in whatever order: replay files (_filter) are shuffled and keep no trajectories. */
export async function* readRows(path: string): AsyncGenerator<PolicyRow> {
  for await (const item of jsonObjects(path)) {
    if (item.kind !== 'object') continue
    yield check(policyRow, item.value, 'a policy row', `${path} line ${item.line}`)
  }
}

function unfinished(path: string, item: JsonItem | undefined, started: number): WebRLError {
  return new WebRLError(
    'ERR_WEBRL_FORMAT',
    `${path} line ${item?.line ?? started}: expected the trajectory that begins in line ${started} to end with done, ` +
      `${item === undefined ? 'the file' : 'it'} ends without; a shuffled replay file holds rows, no trajectories`,
  )
}
