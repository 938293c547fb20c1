/**
 * What an agent can do on a page, as data. The text grammars (parse and format) are in grammar.ts and its
 * neighbours; a driver executes actions and is the only place where an element reference is resolved.
 */

/** An id from the observation ("7"), or the visible name of an element ("red lamp"). */
export type ElementRef = string

export type Action =
  | { kind: 'click' | 'right_click' | 'hover'; element: ElementRef }
  /** Replaces what the field holds; `append` types behind it. search presses Enter afterwards. */
  | { kind: 'type' | 'search'; element: ElementRef; argument: string; append?: true }
  | { kind: 'select'; element: ElementRef; argument: string }
  | { kind: 'press_enter' | 'scroll_up' | 'scroll_down' | 'wait' | 'go_backward' | 'go_forward' }
  /** A key combination in Playwright's names: "Control+A", "ArrowDown". */
  | { kind: 'press_key'; keys: string }
  | { kind: 'goto'; url: string }
  | { kind: 'new_tab' | 'close_tab' }
  /** Number of the tab from 0, in the order of Observation.tabs. */
  | { kind: 'switch_tab'; argument: string }
  | { kind: 'exit'; message: string }
  /**
   * Text that is no action; it becomes a step whose outcome says why. `crash` marks what brings the published
   * harness down instead of being a step (strict grammars only).
   */
  | { kind: 'invalid'; reason: string; crash?: true }
