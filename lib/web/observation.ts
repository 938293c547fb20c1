/**
 * What the agent sees of a page: its text in one of the observation dialects, and the elements it may address.
 */

export type ElementKind = 'link' | 'button' | 'textbox' | 'select' | 'checkbox' | 'radio' | 'other'

export interface ObservedElement {
  /**
   * As printed and as an action names it: the position among the elements of this observation, from 0; in axtree the
   * number of its node in the browser's tree.
   */
  id: number
  kind: ElementKind
  tag: string
  /** Accessible name, whitespace folded; several elements may share one. */
  name: string
  /** Current value of a form control. */
  value?: string
  /** Visible texts of a select's options. */
  options?: string[]
  checked?: boolean
}

/** id: elements carry id="7" (numeric ids); name: they do not, and are addressed by their visible name. */
export type Addressing = 'id' | 'name'

/**
 * clean: simplified HTML of lib/web/simplify.ts, the default (with addressing "name" its compact form).
 * vab: the simplified HTML of VisualAgentBench's WebArena-Lite to the letter, for published numbers.
 * axtree: WebArena's accessibility tree, for prompted models.
 */
export const OBSERVATION_DIALECTS = ['clean', 'vab', 'axtree'] as const
export type ObservationDialect = (typeof OBSERVATION_DIALECTS)[number]

export interface ObservedTab {
  title: string
  url: string
  active: boolean
}

export interface Observation {
  url: string
  title: string
  /** The page in the dialect asked for; simplified HTML is one line. */
  text: string
  elements: ObservedElement[]
  addressing: Addressing
  /** Open tabs in the order of Switch Tab's numbers; absent where a driver has only one. */
  tabs?: ObservedTab[]
  /**
   * What happened by itself since the last observation, one sentence each: dialogs with their texts, downloads and
   * addresses that were refused, tabs that opened or closed. Absent where there is nothing to tell.
   */
  notices?: string[]
  /** PNG of the viewport, where it was asked for and the driver can see. */
  screenshot?: Uint8Array
}
