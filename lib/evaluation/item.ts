/**
 * What an evaluation is made of: every task, so many attempts each, and what became of each of them. Plain data;
 * an item's seed depends on the task and the attempt alone, so that any part of an evaluation can be repeated.
 */
import type { Episode } from '../agent/episode.ts'
import { episodeSeed } from '../agent/seed.ts'
import type { Task } from '../tasks/task.ts'

export interface EvaluationItem {
  /** Names its files and lines: "0033-0", position of the task and attempt. */
  key: string
  /** Position in the evaluation's tasks. */
  index: number
  /** From 0. */
  attempt: number
  task: Task
  seed: bigint
}

/** What became of an item. An error is the environment's, after a second try; it says nothing about the policy. */
export type ItemRecord =
  | { kind: 'episode'; key: string; episode: Episode; retried?: string }
  | { kind: 'error'; key: string; error: ItemError }

export interface ItemError {
  message: string
  code?: string
  /** ISO 8601. */
  time: string
  /** What the browser left behind, paths relative to the evaluation's folder. */
  files: string[]
  /** Address of the page at the time. */
  url?: string
}

/** Attempt by attempt, so that an evaluation that is cut short has played every task equally often, or nearly. */
export function planItems(tasks: readonly Task[], attempts: number, runSeed: number): EvaluationItem[] {
  return Array.from({ length: attempts }, (_, attempt) =>
    tasks.map((task, index) => ({
      key: `${String(index).padStart(4, '0')}-${attempt}`,
      index,
      attempt,
      task,
      seed: episodeSeed(runSeed, `evaluation/${task.task_id}`, attempt),
    })),
  ).flat()
}

const NO_IDS = new Int32Array(0)

/**
 * An episode as an evaluation keeps it: without the prompts' token ids, which follow from task, history and page and
 * would be most of the file (16k ids a step), and without pictures, which are files of their own.
 */
export function withoutPrompts(record: ItemRecord): ItemRecord {
  if (record.kind === 'error') return record
  const steps = record.episode.steps.map(({ screenshot: _, ...step }) => ({ ...step, promptIds: NO_IDS }))
  return { ...record, episode: { ...record.episode, steps } }
}
