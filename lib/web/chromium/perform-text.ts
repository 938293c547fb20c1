/**
 * Typing into a field: clicked as a user would, emptied by selecting all, then typed key by key so that the page's
 * scripts see it. Fields that browsers show with a picker are given their value in its standard form instead.
 */
import type { Action } from '../action.ts'
import type { ActOutcome } from '../session.ts'
import type { Hands } from './hands.ts'
import { called, failed, kindWord, type NodeState, OK, stateOf } from './perform-common.ts'
import { press } from './perform-pointer.ts'
import type { Target } from './view.ts'

type Typing = Extract<Action, { argument: string; kind: 'type' | 'search' }>

/** Values of pickers, with an example: https://html.spec.whatwg.org/multipage/input.html */
const PICKERS: Readonly<Record<string, string>> = {
  date: 'a date such as 2024-05-31',
  'datetime-local': 'a date and time such as 2024-05-31T14:30',
  month: 'a month such as 2024-05',
  week: 'a week such as 2024-W22',
  time: 'a time such as 14:30',
  color: 'a colour such as #ff0000',
  range: 'a number',
}
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/
/** Longer texts are put in at once: key by key they would take seconds. */
const KEY_BY_KEY = 300

export async function type(target: Target, action: Typing, hands: Hands): Promise<ActOutcome> {
  const { element } = target
  const state = await stateOf(target, hands)
  const name = called(target)
  if (state.disabled) return failed(`${name} is disabled`)
  if (state.readOnly) return failed(`"${element.name}" is read-only`)
  if (state.type === 'file') return failed(`${name} takes a file, and there are none to give`)
  const picker = state.type in PICKERS
  if (!state.editable && !picker && (element.kind !== 'other' || state.type !== ''))
    return failed(`${name} is a ${kindWord(target)}, typing needs a text field`)
  const text = state.multiline ? action.argument : action.argument.replace(/[\r\n]+/g, ' ')
  if (state.type === 'number' && text !== '' && !NUMBER.test(text.trim()))
    return failed(`${name} takes a number, received "${text}"`)
  const problem = picker
    ? await setValue(target, state, text.trim(), hands)
    : await typeInto(target, state, text, action.append === true, hands)
  if (problem !== undefined) return failed(problem)
  if (action.kind === 'search') await hands.within('pressing Enter', hands.page.keyboard.press('Enter'))
  return OK
}

/** undefined when the field took the value. */
async function setValue(
  target: Target,
  state: NodeState,
  value: string,
  hands: Hands,
): Promise<string | undefined> {
  const asked = target.call((node, wanted) => {
    const field = node as HTMLInputElement
    const before = field.value
    field.focus()
    field.value = wanted
    // A broken date leaves the field empty; colours and sliders take something else instead.
    const forms: Record<string, RegExp> = { color: /^#[0-9a-f]{6}$/i, range: /^-?\d+(\.\d+)?$/ }
    const broken = forms[field.type]?.test(wanted) === false || (field.value === '' && wanted !== '')
    if (broken) {
      field.value = before
      return false
    }
    field.dispatchEvent(new Event('input', { bubbles: true, composed: true }))
    field.dispatchEvent(new Event('change', { bubbles: true }))
    return true
  }, value)
  const taken = await hands.within(`filling in ${called(target)}`, asked)
  return taken ? undefined : `${called(target)} takes ${PICKERS[state.type]}, received "${value}"`
}

/** undefined when the text was typed. */
async function typeInto(
  target: Target,
  state: NodeState,
  text: string,
  append: boolean,
  hands: Hands,
): Promise<string | undefined> {
  const { page, within } = hands
  const what = `typing into ${called(target)}`
  const unreachable = await press(target, hands)
  if (unreachable) return unreachable.error
  const focused = await within(what, target.call(takeFocus))
  if (!focused && !(await within(what, page.evaluate(editableHasFocus)))) {
    // A click on something that only looks like a field.
    return `${called(target)} is a ${kindWord(target)}, typing needs a text field`
  }
  if (focused) await within(what, target.call(append ? caretToEnd : selectAll))
  else await within(what, page.keyboard.press(append ? 'End' : 'ControlOrMeta+A'))
  if (!append && text === '') await within(what, page.keyboard.press('Delete'))
  await typeText(text, state.multiline, hands, what)
  return undefined
}

/** Line breaks are Shift and Enter, as Enter alone may send the form. */
async function typeText(
  text: string,
  multiline: boolean,
  { page, within }: Hands,
  what: string,
): Promise<void> {
  if (text === '') return
  if (Array.from(text).length > KEY_BY_KEY) return within(what, page.keyboard.insertText(text))
  for (const [i, line] of (multiline ? text.split(/\r\n|\r|\n/) : [text]).entries()) {
    if (i > 0) await within(what, page.keyboard.press('Shift+Enter'))
    if (line !== '') await within(what, page.keyboard.type(line))
  }
}

/** Runs on the page: whether the field has the focus, given to it unless another field took it. */
function takeFocus(node: Element): boolean {
  const root = node.getRootNode() as Document | ShadowRoot
  const rich = (node as HTMLElement).isContentEditable
  const field = (
    rich ? node.closest('[contenteditable]:not([contenteditable="false"])') : node
  ) as HTMLElement
  if (root.activeElement === field) return true
  const other = root.activeElement as HTMLElement | null
  if (other && (other.matches('input, textarea') || other.isContentEditable)) return false
  field.focus()
  return root.activeElement === field
}

/** Runs on the page. */
function selectAll(node: Element): void {
  if ('select' in node) {
    ;(node as HTMLInputElement).select()
    return
  }
  const host = node.closest('[contenteditable]:not([contenteditable="false"])')
  node.ownerDocument.getSelection()?.selectAllChildren(host ?? node)
}

/** Runs on the page. */
function caretToEnd(node: Element): void {
  if (!('select' in node)) {
    const selection = node.ownerDocument.getSelection()
    selection?.selectAllChildren(node.closest('[contenteditable]:not([contenteditable="false"])') ?? node)
    selection?.collapseToEnd()
    return
  }
  const field = node as HTMLInputElement
  try {
    field.setSelectionRange(field.value.length, field.value.length)
  } catch {
    // Fields of e-mail addresses and numbers know no positions; setting the value moves the caret to its end.
    const { value } = field
    field.value = ''
    field.value = value
  }
}

/** Runs on the page. */
function editableHasFocus(): boolean {
  const at = document.activeElement as HTMLElement | null
  return at !== null && (at.matches('input, textarea') || at.isContentEditable)
}
