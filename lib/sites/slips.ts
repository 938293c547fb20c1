/**
 * The usual ways of going wrong, made from a right solution: leaving before the last change, pressing the button
 * beside the right one, or taking another value of the same page. Pure data, no page is consulted.
 */
import type { Action } from '../web/action.ts'
import { click, exit } from './authoring.ts'
import type { Slip } from './kit.ts'

/** The same actions, but the agent leaves before the last change. */
export function earlyExit(expert: readonly Action[]): Slip {
  return { kind: 'early-exit', actions: [...expert.slice(0, -2), exit()] }
}

/** The same actions with one button exchanged for its neighbour (the last use of `right`). */
export function siblingButton(expert: readonly Action[], right: string, wrong: string): Slip {
  const at = expert.findLastIndex((a) => a.kind === 'click' && a.element === right)
  if (at < 0) throw new Error(`slip: expected the expert to click "${right}", it never does`)
  return { kind: 'sibling-button', actions: expert.map((a, i) => (i === at ? click(wrong) : a)) }
}

/** The same walk, but another value of the page is given as the answer. */
export function wrongAnswer(expert: readonly Action[], message: string | number): Slip {
  return { kind: 'wrong-field', actions: [...expert.slice(0, -1), exit(message)] }
}

/** The same actions with the value typed into, or selected in, one field exchanged. */
export function wrongValue(expert: readonly Action[], field: string, argument: string | number): Slip {
  const at = expert.findLastIndex((a) => 'argument' in a && 'element' in a && a.element === field)
  if (at < 0) throw new Error(`slip: expected the expert to fill in "${field}", it never does`)
  const actions = expert.map((a, i) => (i === at ? ({ ...a, argument: String(argument) } as Action) : a))
  return { kind: 'wrong-field', actions }
}
