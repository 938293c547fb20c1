/**
 * What the agent sees of a page: simplified HTML as text, and the elements it may address.
 */

export type ElementKind = 'link' | 'button' | 'textbox' | 'select' | 'checkbox' | 'radio' | 'other'

export interface ObservedElement {
  /** Position among the actionable elements of this observation, from 0. */
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

export interface Observation {
  url: string
  title: string
  /** Simplified HTML on one line. */
  text: string
  elements: ObservedElement[]
  addressing: Addressing
}
