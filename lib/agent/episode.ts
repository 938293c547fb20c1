/**
 * One finished episode: its steps, how it ended and how it was judged. An episode never knows how it will be
 * learned from.
 */
import type { Task } from '../tasks/task.ts'
import type { Step } from './step.ts'

/** exit: the agent said so; horizon: step limit; stuck: the same action repeated; error: the environment failed. */
export type EpisodeEnd = 'exit' | 'horizon' | 'stuck' | 'error'

export interface Judgement {
  /** 0 or 1. */
  score: number
  /** One line per check: what was expected, what was found. */
  details: string[]
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
