/**
 * One episode's browser: a page that can be observed and acted on, and looked at by evaluators. In-process and
 * Chromium drivers implement it; nothing outside lib/web knows which one runs.
 */
import type { PageAccess } from '../tasks/pages.ts'
import type { Task } from '../tasks/task.ts'
import type { Action } from './action.ts'
import type { Addressing, Observation, ObservationDialect } from './observation.ts'

/** What a milestone oracle may look at. */
export interface PageSnapshot {
  url: string
  title: string
  html: string
}

/** An action that could not be carried out is a step too; `error` is the sentence the agent is told. */
export type ActOutcome = { ok: true } | { ok: false; error: string }

/** How an environment that judges itself (MiniWoB++) ended the episode. */
export interface Verdict {
  success: boolean
  /** The environment's own reward, in its own scale. */
  reward: number
  reason: string
}

export interface Session extends PageAccess {
  /** What is to be done, where only the opened page says it (MiniWoB++); it then takes the place of task.intent. */
  readonly intent?: string
  observe(): Promise<Observation>
  /** Never throws for anything the policy said; rejects with EnvironmentError when the environment itself failed. */
  act(action: Action): Promise<ActOutcome>
  snapshot(): Promise<PageSnapshot>
  /** The verdict once the environment has ended the episode by itself; absent where it never does. */
  verdict?(): Promise<Verdict | undefined>
  close(): Promise<void>
}

export interface OpenOptions {
  addressing: Addressing
  /** Default "clean"; rejects with ConfigError-like sentences where a driver cannot give it. */
  dialect?: ObservationDialect
  /** Put a PNG of the viewport into every observation. */
  screenshots?: boolean
  signal?: AbortSignal
}

export interface Driver {
  /** A fresh, private session at the task's start URL. */
  open(task: Task, options: OpenOptions): Promise<Session>
  close(): Promise<void>
}
