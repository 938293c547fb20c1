/**
 * The text form of actions, WebRL's grammar: do(action="Click", element="7"), exit(message="..."), go_backward().
 * parseAction accepts a superset (comment lines, code fences, single quotes, bare numbers) and never throws or
 * evaluates anything; formatAction writes the one canonical form.
 */
import type { Action } from './action.ts'

const VERBS = {
  click: 'Click',
  right_click: 'Right Click',
  hover: 'Hover',
  type: 'Type',
  search: 'Search',
  select: 'Select Dropdown Option',
  press_enter: 'Press Enter',
  scroll_up: 'Scroll Up',
  scroll_down: 'Scroll Down',
  wait: 'Wait',
  switch_tab: 'Switch Tab',
  go_backward: 'Go Backward',
  go_forward: 'Go Forward',
} as const

type Verb = keyof typeof VERBS
const BY_NAME = new Map(Object.entries(VERBS).map(([kind, name]) => [name.toLowerCase(), kind as Verb]))

const invalid = (reason: string): Action => ({ kind: 'invalid', reason })

/** Canonical text. An invalid action has none and becomes a comment line with its reason. */
export function formatAction(action: Action): string {
  const quote = (text: string) => JSON.stringify(text)
  switch (action.kind) {
    case 'exit':
      return `exit(message=${quote(action.message)})`
    case 'go_backward':
    case 'go_forward':
      return `${action.kind}()`
    case 'invalid':
      return `# ${action.reason.replace(/\s+/g, ' ')}`
    case 'click':
    case 'right_click':
    case 'hover':
      return `do(action="${VERBS[action.kind]}", element=${quote(action.element)})`
    case 'type':
    case 'search':
    case 'select':
      return `do(action="${VERBS[action.kind]}", element=${quote(action.element)}, argument=${quote(action.argument)})`
    case 'switch_tab':
      return `do(action="${VERBS[action.kind]}", argument=${quote(action.argument)})`
    default:
      return `do(action="${VERBS[action.kind]}")`
  }
}

type Arguments = Map<string, string>
type Call = { name: string; args: Arguments }

const ESCAPES: Record<string, string> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

/** Reads one quoted literal at `at`; Python's escapes, unknown ones keep their backslash. */
function readString(text: string, at: number): { value: string; end: number } | undefined {
  const quote = text[at]
  if (quote !== '"' && quote !== "'") return undefined
  let value = ''
  let i = at + 1
  while (i < text.length) {
    const ch = text[i] as string
    if (ch === quote) return { value, end: i + 1 }
    if (ch !== '\\') {
      value += ch
      i++
      continue
    }
    const next = text[i + 1] ?? ''
    const hex = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(text.slice(i + 1, i + 10))
    const code = hex ? Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16) : Number.NaN
    if (hex && code <= 0x10ffff) {
      value += String.fromCodePoint(code)
      i += 1 + hex[0].length
    } else {
      value += ESCAPES[next] ?? (next === '\n' ? '' : `\\${next}`)
      i += 2
    }
  }
  return undefined
}

/** One call with keyword arguments that ends where the text ends; undefined when it is none. */
function readCall(text: string, start: number): Call | string | undefined {
  const head = /^([a-z_]+)\s*\(\s*/.exec(text.slice(start, start + 40))
  if (!head) return undefined
  const args: Arguments = new Map()
  let i = start + head[0].length
  const skip = () => {
    while (/\s/.test(text[i] ?? '')) i++
  }
  let first = true
  for (;;) {
    skip()
    if (text[i] === ')') break
    if (!first) {
      if (text[i] !== ',') return 'expected "," between the arguments of the action'
      i++
      skip()
      if (text[i] === ')') break
    }
    first = false
    const key = /^([A-Za-z_]+)\s*=\s*/.exec(text.slice(i, i + 60))
    if (!key) return 'expected arguments by name, such as element="7"'
    i += key[0].length
    const quoted = readString(text, i)
    const bare = quoted ? null : /^(-?\d+(?:\.\d+)?|None|True|False)/.exec(text.slice(i, i + 60))
    if (quoted) {
      args.set(key[1] as string, quoted.value)
      i = quoted.end
    } else if (bare) {
      if (bare[0] !== 'None') args.set(key[1] as string, bare[0])
      i += bare[0].length
    } else {
      return `expected a quoted text after ${key[1]}=`
    }
  }
  const rest = text.slice(i + 1).replace(/^\s*;?\s*(#[^\n]*)?\s*(```)?\s*$/, '')
  return rest === '' ? { name: head[1] as string, args } : 'expected nothing after the action'
}

function toAction({ name, args }: Call): Action {
  if (name === 'go_backward' || name === 'go_forward') return { kind: name }
  if (name === 'exit') {
    const message = args.get('message')
    return message === undefined
      ? invalid('exit needs a message, as in exit(message="done")')
      : { kind: 'exit', message }
  }
  const verb = args.get('action')
  if (verb === undefined) return invalid('do needs an action, as in do(action="Click", element="7")')
  const kind = BY_NAME.get(verb.trim().toLowerCase())
  const element = args.get('element')
  const argument = args.get('argument')
  switch (kind) {
    case undefined:
      return invalid(`there is no action "${verb}"; known are ${Object.values(VERBS).join(', ')}`)
    case 'click':
    case 'right_click':
    case 'hover':
      return element === undefined ? invalid(`${VERBS[kind]} needs an element`) : { kind, element }
    case 'type':
    case 'search':
    case 'select':
      if (element === undefined) return invalid(`${VERBS[kind]} needs an element`)
      return argument === undefined
        ? invalid(`${VERBS[kind]} needs an argument`)
        : { kind, element, argument }
    case 'switch_tab':
      return argument === undefined ? invalid('Switch Tab needs an argument') : { kind, argument }
    default:
      return { kind }
  }
}

/** The action a model's text means. The last call in it that reads to the end counts. */
export function parseAction(text: string): Action {
  const body = text
    .split('\n')
    .filter((line) => !/^\s*(#|```)/.test(line))
    .join('\n')
    .trim()
  if (body === '') return invalid('expected one action, received no text')
  const starts = [...body.matchAll(/(?<![A-Za-z_])(?:do|exit|go_backward|go_forward)\s*\(/g)].map(
    (m) => m.index,
  )
  let problem = 'expected one action such as do(action="Click", element="7") or exit(message="done")'
  for (const start of starts.reverse()) {
    const call = readCall(body, start)
    if (typeof call === 'object') return toAction(call)
    if (call !== undefined) problem = call
  }
  return invalid(problem)
}
