/**
 * WebArena's actions for prompted models: click [7], type [7] [text] [0], stop [answer], taken from the first pair of
 * ``` fences or else from the last line (https://github.com/web-arena-x/webarena, browser_env/actions.py). `select
 * [7] [option]` and `clear [7]` are read as well. Anything else becomes an invalid action that says why.
 */
import type { Action } from './action.ts'

const FENCE = '```'

/** Keys the published prompts name in other words than Playwright. */
const KEY_NAMES: Readonly<Record<string, string>> = {
  backquote: 'Backquote',
  minus: 'Minus',
  equal: 'Equal',
  backslash: 'Backslash',
  backspace: 'Backspace',
  meta: 'Meta',
  tab: 'Tab',
  delete: 'Delete',
  escape: 'Escape',
  arrowdown: 'ArrowDown',
  end: 'End',
  enter: 'Enter',
  home: 'Home',
  insert: 'Insert',
  pagedown: 'PageDown',
  pageup: 'PageUp',
  arrowright: 'ArrowRight',
  arrowup: 'ArrowUp',
  arrowleft: 'ArrowLeft',
  control: 'Control',
  ctrl: 'Control',
  alt: 'Alt',
  shift: 'Shift',
  space: 'Space',
}

const invalid = (reason: string): Action => ({ kind: 'invalid', reason })

export function parseWebArena(text: string): Action {
  const line = actionPart(text)
  if (line === '') return invalid('expected one action such as click [7] or stop [answer], received no text')
  const bracket = line.indexOf('[')
  const verb = (bracket < 0 ? (line.split(/\s/, 1)[0] ?? '') : line.slice(0, bracket)).trim()
  const rest = bracket < 0 ? line.slice(verb.length) : line.slice(bracket)
  switch (verb) {
    case 'click':
    case 'hover':
    case 'clear': {
      const element = bracketed(rest, /^\[(\d+)\]/)
      if (element === undefined) return invalid(`${verb} expects an id, as in ${verb} [7]`)
      return verb === 'clear' ? { kind: 'type', element, argument: '' } : { kind: verb, element }
    }
    case 'type':
      return typeAction(rest)
    case 'select': {
      const parts = /^\[(\d+)\] ?\[([^\n]+)\]/.exec(rest)
      return parts
        ? { kind: 'select', element: parts[1] as string, argument: parts[2] as string }
        : invalid('select expects an id and an option, as in select [7] [July]')
    }
    case 'press': {
      const keys = bracketed(rest, /^\[([^\n]+)\]/)
      return keys === undefined
        ? invalid('press expects a key combination, as in press [Control+A]')
        : { kind: 'press_key', keys: keyNames(keys) }
    }
    case 'scroll': {
      const direction = /^scroll ?\[?(?:direction=)?(up|down)/.exec(line)?.[1]
      return direction
        ? { kind: direction === 'up' ? 'scroll_up' : 'scroll_down' }
        : invalid('scroll expects a direction, as in scroll [down]')
    }
    case 'goto': {
      const url = bracketed(rest, /^\[([^\n]+)\]/)
      return url === undefined
        ? invalid('goto expects an address, as in goto [http://...]')
        : { kind: 'goto', url }
    }
    case 'tab_focus':
    case 'page_focus': {
      const index = bracketed(rest, /^\[(\d+)\]/)
      return index === undefined
        ? invalid('tab_focus expects the number of a tab, as in tab_focus [0]')
        : { kind: 'switch_tab', argument: index }
    }
    case 'new_tab':
    case 'close_tab':
      return { kind: verb }
    case 'go_back':
      return { kind: 'go_backward' }
    case 'go_forward':
      return { kind: 'go_forward' }
    case 'stop':
      return { kind: 'exit', message: bracketed(rest, /^\[([^\n]+)\]/) ?? '' }
    default:
      return invalid(
        `there is no action "${verb.slice(0, 40)}"; known are click, type, hover, press, scroll, select, clear, ` +
          'new_tab, tab_focus, close_tab, goto, go_back, go_forward and stop',
      )
  }
}

function actionPart(text: string): string {
  const from = text.indexOf(FENCE)
  const to = from < 0 ? -1 : text.indexOf(FENCE, from + FENCE.length)
  if (to >= 0) return text.slice(from + FENCE.length, to).trim()
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return (lines.at(-1) ?? '').trim()
}

const bracketed = (rest: string, form: RegExp): string | undefined => form.exec(rest)?.[1]

/** Without the last bracket Enter follows; WebArena types behind what the field holds. */
function typeAction(rest: string): Action {
  const full = rest.endsWith('[0]') || rest.endsWith('[1]') ? rest : `${rest} [1]`
  const parts = /^\[(\d+)\] ?\[([^\n]+)\] ?\[(?:press_enter_after=)?(\d+)\]/.exec(full)
  if (!parts) return invalid('type expects an id and a text, as in type [7] [red lamp] [1]')
  const [, element, argument, enter] = parts as unknown as [string, string, string, string]
  return { kind: enter === '1' ? 'search' : 'type', element, argument, append: true }
}

function keyNames(keys: string): string {
  return keys
    .split('+')
    .map((key) => KEY_NAMES[key.toLowerCase()] ?? key)
    .join('+')
}
