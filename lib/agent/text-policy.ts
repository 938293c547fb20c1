/**
 * A policy that reads and writes texts, a prompted language model first of all, and how its reply is taken for one
 * action. It has no token ids and no log-probabilities: nothing can be learned from its steps but by imitation.
 */
import type { Task } from '../tasks/task.ts'
import type { Observation } from '../web/observation.ts'
import { formatAction, type Grammar, parseAction } from '../web/grammar.ts'
import type { Guidance } from './guide.ts'
import type { Spent } from './spent.ts'
import type { Step } from './step.ts'

export interface TextRequest {
  task: Task
  observation: Observation
  steps: readonly Step[]
  /** The checklist and what to aim at, where a planner guides the agent. */
  guidance?: Guidance
  grammar: Grammar
  /** Which of several samples; used where the temperature is above 0. */
  seed: bigint
  /** 0 = greedy. */
  temperature: number
  signal?: AbortSignal
}

export interface TextReply {
  /** As it was written, reasoning included. */
  reply: string
  /** SHA-256 of everything that was asked, in hexadecimal. */
  promptHash: string
  spent: Spent
}

export interface TextPolicy {
  /** "provider/model". */
  readonly name: string
  say(request: TextRequest): Promise<TextReply>
}

const FENCED = /```(?:[a-z]+\n)?([\s\S]*?)```/g

/**
 * The action in a reply, as the step's text: in calls the last one that can be read, in its canonical form; in
 * WebArena's grammar what stands between the last pair of fences, else the last line; under VisualAgentBench's grammar
 * the whole reply, whose every character matters there.
 */
export function actionIn(reply: string, grammar: Grammar): string {
  if (grammar === 'vab') return reply.trim()
  const last = reply.trim().split('\n').at(-1)?.trim() ?? ''
  if (grammar === 'webarena') return [...reply.matchAll(FENCED)].at(-1)?.[1]?.trim() || last
  const action = parseAction(reply)
  return action.kind === 'invalid' ? last : formatAction(action)
}
