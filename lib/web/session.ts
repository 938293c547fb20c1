/**
 * One episode's browser: a page that can be observed and acted on. In-process and Chromium drivers implement
 * it; nothing outside lib/web knows which one runs.
 */
import type { Task } from '../tasks/task.ts'
import type { Action } from './action.ts'
import type { Addressing, Observation } from './observation.ts'

/** What an evaluator or a milestone oracle may look at. */
export interface PageSnapshot {
  url: string
  title: string
  html: string
}

/** An action that could not be carried out is a step too; `error` is the sentence the agent is told. */
export type ActOutcome = { ok: true } | { ok: false; error: string }

export interface Session {
  observe(): Promise<Observation>
  /** Never throws for anything the policy said; rejects only when the environment itself failed. */
  act(action: Action): Promise<ActOutcome>
  snapshot(): Promise<PageSnapshot>
  /** Loads a page as this session's user without touching the agent's page (evaluators). */
  peek(url: string): Promise<PageSnapshot>
  close(): Promise<void>
}

export interface OpenOptions {
  addressing: Addressing
  signal?: AbortSignal
}

export interface Driver {
  /** A fresh, private session at the task's start URL. */
  open(task: Task, options: OpenOptions): Promise<Session>
  close(): Promise<void>
}
