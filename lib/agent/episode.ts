/**
 * One finished episode: its steps, how it ended and how it was judged. An episode never knows how it will be
 * learned from.
 */
import type { EvidenceRecord } from '../tasks/evidence.ts'
import type { Task } from '../tasks/task.ts'
import type { Step } from './step.ts'

/**
 * exit: the agent said so; horizon: step limit; stuck: the same action repeated; invalid: too many texts in a row
 * that are no action, or one that brings the published harness down; environment: it ended the episode by itself;
 * error: the environment failed.
 */
export type EpisodeEnd = 'exit' | 'horizon' | 'stuck' | 'invalid' | 'environment' | 'error'

export interface Judgement {
  /** 0 or 1. */
  score: number
  /** One line per check: what was expected, what was found. */
  details: string[]
  /** Why there is no score (no judge at hand, an undecided one, a task that cannot be checked); `score` is then 0. */
  unscorable?: string
  /** What the evaluation read, where it was kept: enough to score the episode again without its environment. */
  evidence?: EvidenceRecord
}

export interface Episode {
  id: string
  task: Task
  /** Policy version that played it (phase number). */
  phase: number
  /** Sampling seed; with the task it determines the episode. */
  seed: bigint
  temperature: number
  steps: Step[]
  end: EpisodeEnd
  answer?: string
  judgement: Judgement
  /** Wall-clock seconds. */
  seconds: number
}
