/**
 * When two actions are the same: what is done to which element with which text, whatever number the element has in
 * this observation.
 */
import { addressOf } from './pages.ts'
import type { FailureStep } from './diagnosis.ts'

const LONGEST_NAME = 400
const VOID = new Set(['input', 'img', 'area'])

/** Names of a task's own values, for comparing tasks of one template: "red lamp" is "{product}" in both. */
export type ValueNames = readonly (readonly [value: string, name: string])[]

/** The longest first, so that no value is found inside another. */
export function valueNames(values: Readonly<Record<string, unknown>>): ValueNames {
  return Object.entries(values)
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([name, value]) => [fold(String(value)), `{${name}}`] as const)
    .filter(([value]) => value !== '')
    .sort(([a], [b]) => b.length - a.length)
}

export function generalise(text: string, names: ValueNames): string {
  let general = text
  for (const [value, name] of names) general = general.replaceAll(value, name)
  return general
}

/** One line that is equal for equal actions. */
export function actionKey(step: Pick<FailureStep, 'action' | 'actionText' | 'pageText'>): string {
  const { action } = step
  switch (action.kind) {
    case 'exit':
      return `exit ${fold(action.message)}`
    case 'invalid':
      return `invalid ${fold(step.actionText)}`
    case 'goto':
      return `goto ${addressOf(action.url)}`
    case 'press_key':
      return `press_key ${fold(action.keys)}`
    case 'switch_tab':
      return `switch_tab ${action.argument}`
    case 'click':
    case 'right_click':
    case 'hover':
      return `${action.kind} ${elementName(action.element, step.pageText)}`
    case 'type':
    case 'search':
    case 'select':
      return `${action.kind} ${elementName(action.element, step.pageText)} = ${fold(action.argument)}`
    default:
      return action.kind
  }
}

/** The key with the numbers inside names left out ("cart (3)"), for telling loops; a name that is a number stays. */
export function looseActionKey(key: string): string {
  const [target = '', ...argument] = key.split(' = ')
  const name = target.slice(target.indexOf(' ') + 1)
  const loose = /\p{L}/u.test(name) ? target.replace(/\d+/g, '#') : target
  return [loose, ...argument].join(' = ')
}

/** What is acted on, without what is put into it; undefined for actions on no element. */
export function targetOf(step: Pick<FailureStep, 'action' | 'pageText'>): string | undefined {
  return 'element' in step.action ? elementName(step.action.element, step.pageText) : undefined
}

/** Changes nothing but what is in view. */
export function isIdle({ kind }: FailureStep['action']): boolean {
  return kind === 'wait' || kind === 'scroll_up' || kind === 'scroll_down' || kind === 'hover'
}

/** A number is looked up in the observation: `<a id="7">red lamp</a>`, or `[7] link 'red lamp'` in an axtree. */
function elementName(reference: string, pageText: string): string {
  const name = fold(reference)
  if (!/^\d+$/.test(name)) return name
  const tag = new RegExp(`<(\\w+)([^>]*)\\bid="${name}"([^>]*)>`).exec(pageText)
  if (tag) {
    const [open, kind = '', before = '', after = ''] = tag
    const behind = pageText.slice(tag.index + open.length, tag.index + open.length + LONGEST_NAME)
    const end = behind.indexOf(VOID.has(kind) ? '<' : `</${kind}`)
    const text = fold(behind.slice(0, end < 0 ? undefined : end).replace(/<[^>]*>/g, ' '))
    const label = /(?:aria-label|name|placeholder|title|alt)="([^"]*)"/.exec(`${before}${after}`)?.[1]
    return (VOID.has(kind) ? '' : text) || fold(label ?? '') || text || `${kind} ${name}`
  }
  const node = new RegExp(`\\[${name}\\] \\w+ '([^'\\n]*)'`).exec(pageText)
  return fold(node?.[1] ?? '') || name
}

export function fold(text: string): string {
  return text.replace(/\s+/g, ' ').trim().toLowerCase()
}
