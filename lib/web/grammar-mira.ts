/**
 * mira's action grammar, a superset of WebRL's: do(action="Click", element="7"), exit(message="..."), go_backward().
 * parseAction also takes comment lines, code fences, bare numbers and every form of Python's texts, and never throws
 * or evaluates anything; formatAction writes the one canonical form.
 */
import type { Action } from './action.ts'
import { readStringLiteral } from './grammar-literal.ts'
import { parseVab } from './grammar-vab.ts'

const VERBS = {
  click: 'Click',
  right_click: 'Right Click',
  hover: 'Hover',
  type: 'Type',
  search: 'Search',
  select: 'Select Dropdown Option',
  press_enter: 'Press Enter',
  press_key: 'Press Key',
  scroll_up: 'Scroll Up',
  scroll_down: 'Scroll Down',
  wait: 'Wait',
  goto: 'Go To',
  new_tab: 'New Tab',
  close_tab: 'Close Tab',
  switch_tab: 'Switch Tab',
  go_backward: 'Go Backward',
  go_forward: 'Go Forward',
} as const

type Verb = keyof typeof VERBS
const BY_NAME = new Map(Object.entries(VERBS).map(([kind, name]) => [name.toLowerCase(), kind as Verb]))

const invalid = (reason: string): Action => ({ kind: 'invalid', reason })

/** Canonical text. An invalid action has none and becomes a comment line with its reason. */
export function formatAction(action: Action): string {
  switch (action.kind) {
    case 'exit':
      return `exit(message=${JSON.stringify(action.message)})`
    case 'go_backward':
    case 'go_forward':
      return `${action.kind}()`
    case 'invalid':
      return `# ${action.reason.replace(/\s+/g, ' ')}`
    case 'click':
    case 'right_click':
    case 'hover':
      return written(action.kind, { element: action.element })
    case 'type':
    case 'search':
      return written(action.kind, { element: action.element, argument: action.argument }, action.append)
    case 'select':
      return written(action.kind, { element: action.element, argument: action.argument })
    case 'press_key':
      return written(action.kind, { argument: action.keys })
    case 'goto':
      return written(action.kind, { argument: action.url })
    case 'switch_tab':
      return written(action.kind, { argument: action.argument })
    default:
      return written(action.kind, {})
  }
}

function written(kind: Verb, texts: Record<string, string>, append?: true): string {
  const args = Object.entries(texts).map(([name, text]) => `, ${name}=${JSON.stringify(text)}`)
  return `do(action="${VERBS[kind]}"${args.join('')}${append ? ', append=True' : ''})`
}

type Arguments = Map<string, string>
type Call = { name: string; args: Arguments }

const HEAD = /(?<![A-Za-z_])(do|exit|go_backward|go_forward)\s*\(/g
const GLUED = /[A-Za-z_](?:do|exit|go_backward)\(/
const BLANK = /\s*/y
const KEY = /([A-Za-z_]+)\s*=\s*/y
const BARE = /-?\d+(?:\.\d+)?|None|True|False/y
/** Calls tried from the end of a text; more than this many that all fail to read are noise. */
const MAX_CALLS = 64

/** The call whose "(" ends at `start`; a sentence where it does not read to the end of the text. */
function readCall(text: string, name: string, start: number): Call | string {
  const args: Arguments = new Map()
  let at = start
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    at += found?.[0].length ?? 0
    return found
  }
  for (let first = true; ; first = false) {
    match(BLANK)
    if (text[at] === ')') break
    if (!first) {
      if (text[at] !== ',') return 'expected "," between the arguments of the action'
      at++
      match(BLANK)
      if (text[at] === ')') break
    }
    const key = match(KEY)
    if (!key) return 'expected arguments by name, such as element="7"'
    const quoted = readTexts(text, at)
    if (quoted) {
      args.set(key[1] as string, quoted.value)
      at = quoted.end
    } else {
      const bare = match(BARE)
      if (!bare) return `expected a quoted text after ${key[1]}=`
      if (bare[0] !== 'None') args.set(key[1] as string, bare[0])
    }
  }
  return isNothing(text.slice(at + 1)) ? { name, args } : 'expected nothing after the action'
}

/** One literal or several side by side, which are one text. */
function readTexts(text: string, at: number): { value: string; end: number } | undefined {
  let value = ''
  let end: number | undefined
  for (let from = at; ; ) {
    const literal = readStringLiteral(text, from, 'lenient')
    if (typeof literal !== 'object') break
    value += literal.value
    end = literal.end
    BLANK.lastIndex = end
    from = end + (BLANK.exec(text)?.[0].length ?? 0)
  }
  return end === undefined ? undefined : { value, end }
}

/** Blanks, one semicolon, a comment, a closing fence. */
function isNothing(rest: string): boolean {
  let text = rest.trim()
  if (text.startsWith(';')) text = text.slice(1).trimStart()
  if (text.startsWith('#')) text = text.includes('\n') ? text.slice(text.indexOf('\n')).trimStart() : ''
  return text === '' || text === '```'
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
  if (kind === undefined)
    return invalid(`there is no action "${verb}"; known are ${Object.values(VERBS).join(', ')}`)
  const element = args.get('element')
  const argument = args.get('argument')
  switch (kind) {
    case 'click':
    case 'right_click':
    case 'hover':
      return element === undefined ? invalid(`${VERBS[kind]} needs an element`) : { kind, element }
    case 'type':
    case 'search':
    case 'select': {
      if (element === undefined) return invalid(`${VERBS[kind]} needs an element`)
      if (argument === undefined) return invalid(`${VERBS[kind]} needs an argument`)
      const append = kind !== 'select' && args.get('append') === 'True'
      return { kind, element, argument, ...(append ? { append } : {}) } as Action
    }
    case 'press_key':
      return argument === undefined ? invalid('Press Key needs an argument') : { kind, keys: argument }
    case 'goto':
      return argument === undefined ? invalid('Go To needs an argument') : { kind, url: argument }
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
  const calls = [...body.matchAll(HEAD)].slice(-MAX_CALLS).reverse()
  let problem = 'expected one action such as do(action="Click", element="7") or exit(message="done")'
  for (const call of calls) {
    const read = readCall(body, call[1] as string, call.index + call[0].length)
    if (typeof read === 'object') return toAction(read)
    problem = read
  }
  // Whatever the published parser takes is taken here too, in its reading, but for the "do(" of "undo(".
  if (GLUED.test(text)) return invalid(problem)
  const published = parseVab(text)
  return published.kind === 'invalid' ? invalid(problem) : published
}
