/**
 * Choosing an option of a native list by its text: exactly, then whatever the case, then as a part. Lists that a page
 * draws itself are clicked, not selected.
 */
import type { ActOutcome } from '../session.ts'
import type { Hands } from './hands.ts'
import { called, failed, kindWord, OK, stateOf } from './perform-common.ts'
import type { Target } from './view.ts'

export async function select(target: Target, wanted: string, hands: Hands): Promise<ActOutcome> {
  const { element } = target
  const state = await stateOf(target, hands)
  if (state.tag !== 'select')
    return failed(`${called(target)} is a ${kindWord(target)}, not a list to select from`)
  if (state.disabled) return failed(`${called(target)} is disabled`)
  const asked = target.call((node, text) => {
    const fold = (raw: string) => raw.replace(/\s+/g, ' ').trim()
    const list = node as HTMLSelectElement
    const options = Array.from(list.options)
    const goal = fold(text)
    const lower = goal.toLowerCase()
    const option =
      options.find((one) => fold(one.text) === goal) ??
      options.find((one) => fold(one.text).toLowerCase() === lower) ??
      options.find((one) => lower !== '' && fold(one.text).toLowerCase().includes(lower))
    if (!option) return 'missing'
    if (option.disabled || option.closest('optgroup')?.disabled) return 'disabled'
    list.focus()
    for (const one of list.multiple ? options : []) one.selected = false
    option.selected = true
    list.dispatchEvent(new Event('input', { bubbles: true, composed: true }))
    list.dispatchEvent(new Event('change', { bubbles: true }))
    return 'selected'
  }, wanted)
  const result = await hands.within(`selecting "${wanted}" in ${called(target)}`, asked)
  if (result === 'missing') return failed(`"${element.name}" has no option "${wanted}"`)
  return result === 'disabled' ? failed(`the option "${wanted}" of ${called(target)} is disabled`) : OK
}
