/**
 * What carrying out an action may touch: the agent's tab, the view its references mean, the other tabs, and waits
 * with a deadline. The session makes one for every action; perform uses it and never waits for the page to settle.
 */
import type { Page } from 'playwright-core'
import type { ActOutcome } from '../session.ts'
import type { View } from './view.ts'

/** vab: the published harness to the letter, its quirks included. default: robust, with a sentence for every failure. */
export type Manner = 'default' | 'vab'

export interface Hands {
  /** The agent's tab when the action began. */
  readonly page: Page
  /** The last observation; references of the action are resolved in it and nowhere else. */
  readonly view: View
  readonly manner: Manner
  /** CSS pixels. */
  readonly viewport: { width: number; height: number }
  readonly tabs: TabHands
  readonly signal: AbortSignal
  /** Milliseconds left of the action's deadline; DeadlineError names it when used up. */
  remaining(): number
  /**
   * Settles with `work`, or rejects with DeadlineError "WHAT did not end within ... ms" or with the episode's abort
   * reason. `ms` is cut to what remains of the action's deadline. `what` begins the sentence: "clicking "Save"".
   */
  within<T>(what: string, work: Promise<T>, ms?: number): Promise<T>
  /** A pause of so many milliseconds that ends early, rejecting, with the episode. */
  pause(ms: number): Promise<void>
  /**
   * Goes to an address as typed in, through the allow-list; relative addresses count from the page's own. Where the
   * address is no http(s) one, is not allowed or does not answer, the page stays and the outcome says so.
   */
  goto(url: string): Promise<ActOutcome>
  /** One step in the tab's history; the outcome says when there is none. */
  travel(by: -1 | 1): Promise<ActOutcome>
}

/** The agent's tabs, numbered from 0 as in Observation.tabs. */
export interface TabHands {
  readonly count: number
  /** Makes tab `index` the agent's; the outcome names the numbers there are when it is none of them. */
  switchTo(index: number): Promise<ActOutcome>
  /** An empty tab, which becomes the agent's. */
  open(): Promise<ActOutcome>
  /** Closes the agent's tab; the one before it becomes the agent's. The last one cannot be closed. */
  close(): Promise<ActOutcome>
}
