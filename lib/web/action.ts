/**
 * What an agent can do on a page, as data. The text grammar (parse and format) is in grammar.ts; a driver
 * executes actions and is the only place where an element reference is resolved.
 */

/** A numeric id from the observation ("7"), or the visible name of an element ("red lamp"). */
export type ElementRef = string

export type Action =
  | { kind: 'click' | 'right_click' | 'hover'; element: ElementRef }
  | { kind: 'type' | 'search' | 'select'; element: ElementRef; argument: string }
  | { kind: 'press_enter' | 'scroll_up' | 'scroll_down' | 'wait' | 'go_backward' | 'go_forward' }
  | { kind: 'switch_tab'; argument: string }
  | { kind: 'exit'; message: string }
  /** Text that is no action; it becomes a step whose outcome says why. */
  | { kind: 'invalid'; reason: string }
