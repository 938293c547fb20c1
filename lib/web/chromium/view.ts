/**
 * What observing a Chromium page gives: the observation, and for every element in it a target that actions are
 * carried out on. Observation dialects make views, the session keeps the last one, actions use its targets.
 */
import type { Page } from 'playwright-core'
import type { ElementRef } from '../action.ts'
import type { Observation, ObservedElement } from '../observation.ts'

/** CSS pixels of the viewport. */
export interface Point {
  x: number
  y: number
}

export interface Box extends Point {
  width: number
  height: number
}

export interface Target {
  element: ObservedElement
  /** Where it was when the page was observed; undefined where it had no box. */
  box: Box | undefined
  /** Its box now; `scroll` brings it into the viewport first. undefined when it is gone or has no box. */
  liveBox(options?: { scroll?: boolean }): Promise<Box | undefined>
  /** Whether a click at this point would reach it, something inside it, or a label of it. */
  receives(point: Point): Promise<boolean>
  /**
   * Calls a function on the node, which is its first argument, in a world of its own where the page's scripts
   * cannot interfere; the function and its arguments must be self-contained and JSON. Rejects when the node is gone.
   */
  call<A extends unknown[], R>(fn: (node: Element, ...args: A) => R, ...args: A): Promise<R>
}

export interface View {
  observation: Observation
  /** The one place where a reference becomes an element; an error is the sentence the agent is told. */
  target(reference: ElementRef): Promise<Target | { error: string }>
}

export interface Observer {
  /** Looks at the page as it stands; rejects with EnvironmentError or DeadlineError only. */
  look(page: Page): Promise<View>
}
