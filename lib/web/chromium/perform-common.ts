/**
 * What all actions on elements share: outcomes, what an element is called in a sentence, and what its node is at
 * this moment. Nothing here changes a page.
 */
import type { ActOutcome } from '../session.ts'
import type { Hands } from './hands.ts'
import type { Target } from './view.ts'

export const OK: ActOutcome = { ok: true }
export const failed = (error: string): ActOutcome => ({ ok: false, error })

/** The element as the agent knows it: its name in quotes, or its number. */
export function called({ element }: Target): string {
  return element.name === '' ? `the ${element.tag} with id ${element.id}` : `"${element.name}"`
}

export const kindWord = ({ element: { kind, tag } }: Target): string =>
  kind === 'other' ? `${tag} element` : kind

export interface NodeState {
  tag: string
  /** Of an input, lower case; '' for anything else. */
  type: string
  disabled: boolean
  readOnly: boolean
  /** Text can be typed into it. */
  editable: boolean
  multiline: boolean
}

export function stateOf(target: Target, { within }: Hands): Promise<NodeState> {
  const asked = target.call((node) => {
    const tag = node.tagName.toLowerCase()
    const type = tag === 'input' ? (node as HTMLInputElement).type : ''
    const notTyped = ['checkbox', 'radio', 'button', 'submit', 'reset', 'image', 'file', 'hidden', 'range']
    const field = tag === 'textarea' || (tag === 'input' && !notTyped.includes(type))
    const rich = (node as HTMLElement).isContentEditable
    return {
      tag,
      type,
      disabled: node.matches(':disabled') || node.closest('[aria-disabled="true"]') !== null,
      readOnly:
        field && ((node as HTMLInputElement).readOnly || node.getAttribute('aria-readonly') === 'true'),
      editable: field || rich,
      multiline: tag === 'textarea' || rich,
    }
  })
  return within(`reading ${called(target)}`, asked)
}
