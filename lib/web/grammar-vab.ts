/**
 * VisualAgentBench's WebArena-Lite action parser to the letter, its failures included: do(action="Click",
 * element="7"), exit(message="..."). What it refuses becomes an invalid action, and what raises past its own error
 * handling is marked `crash` (https://github.com/THUDM/VisualAgentBench, VAB-WebArena-Lite/new/actions.py at 9055fc2).
 */
import type { Action } from './action.ts'
import { type PythonExpression, type PythonValue, readPythonExpression } from './grammar-python.ts'

/** In this order: the first that occurs decides, wherever the others are. */
const CUTS = ['exit(', 'do(', 'go_backward('] as const

const invalid = (reason: string): Action => ({ kind: 'invalid', reason })
const crash = (reason: string): Action => ({ kind: 'invalid', reason, crash: true })

export function parseVab(text: string): Action {
  const source = strip(actionPart(strip(text)))
  const expression = readPythonExpression(source)
  if (!expression) return invalid('expected one call such as do(action="Click", element="7")')
  const call = readCall(expression, source)
  return typeof call === 'string' ? invalid(call) : toAction(call)
}

function strip(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text[from] as string)) from++
  while (to > from && isBlank(text[to - 1] as string)) to--
  return text.slice(from, to)
}

/** What str.strip takes away: JavaScript's blanks but the byte order mark, and the separators U+001C to U+001F. */
const isBlank = (ch: string): boolean =>
  (/\s/.test(ch) && ch !== '\ufeff') || (ch >= '\x1c' && ch <= '\x1f') || ch === '\x85'

/** From the last occurrence of a known call on, or without the comment lines at the top. */
function actionPart(text: string): string {
  for (const cut of CUTS) {
    const at = text.lastIndexOf(cut)
    if (at >= 0) return text.slice(at)
  }
  const lines = text.split('\n')
  const first = lines.findIndex((line) => !strip(line).startsWith('#'))
  return first < 0 ? '' : lines.slice(first).join('\n')
}

interface VabCall {
  operation: string
  /** Of do only: its action argument. */
  action?: PythonValue
  /** undefined where the call has no further keywords. */
  rest: Map<string, PythonValue> | undefined
}

/** The call's literal keywords; a sentence where the published parser reports an error. */
function readCall(expression: PythonExpression, source: string): VabCall | string {
  if (expression.type !== 'call') return { operation: source, rest: undefined }
  const { callee, keywords } = expression
  if (callee.type !== 'name') return 'expected the name of an action before "("'
  const call: VabCall = { operation: callee.id, rest: undefined }
  for (const { name, value } of keywords) {
    if (callee.id === 'do' && name === 'action') {
      if (value.type !== 'value') return 'action= expects a literal'
      call.action = value.value
      continue
    }
    call.rest ??= new Map()
    if (name === 'element' && value.type === 'call' && isInstruction(value)) continue
    if (value.type !== 'value') return `${name ?? '**'}= expects a literal`
    if (name !== undefined) call.rest.set(name, value.value)
  }
  return call
}

/** element=find_element_by_instruction(instruction="...") is read and then leads nowhere. */
function isInstruction({ callee, keywords }: PythonExpression & { type: 'call' }): boolean {
  return (
    callee.type === 'name' &&
    callee.id === 'find_element_by_instruction' &&
    keywords.every(({ name, value }) => name !== 'instruction' || value.type === 'value')
  )
}

function toAction({ operation, action, rest }: VabCall): Action {
  const text = (name: string): string | Action => {
    const value = rest?.get(name)
    if (value === undefined) return crash(`${operation} lacks ${name}=`)
    return value.type === 'str' ? value.value : crash(`${name}= expects a quoted text`)
  }
  if (operation === 'exit') {
    const message = text('message')
    return typeof message === 'string' ? { kind: 'exit', message } : message
  }
  if (operation !== 'do') return invalid(`there is no action ${operation.slice(0, 80)}`)
  if (action === undefined) return crash('do lacks action=')
  if (action.type === 'bytes') return invalid('there is no action of that name')
  if (action.type !== 'str') return crash('action= expects a quoted text')
  switch (action.value.toLowerCase()) {
    case 'press enter':
      return { kind: 'press_enter' }
    case 'scroll up':
      return { kind: 'scroll_up' }
    case 'scroll down':
      return { kind: 'scroll_down' }
    case 'go forward':
      return { kind: 'go_forward' }
    case 'go backward':
      return { kind: 'go_backward' }
    case 'click':
      return onElement('click', text('element'))
    case 'hover':
      return onElement('hover', text('element'))
    case 'type':
      return withArgument('type', text('element'), text('argument'))
    case 'search':
      return withArgument('search', text('element'), text('argument'))
    case 'select dropdown option':
      return withArgument('select', text('element'), text('argument'))
    default:
      return invalid(`there is no action "${action.value}"`)
  }
}

function onElement(kind: 'click' | 'hover', element: string | Action): Action {
  return typeof element === 'string' ? { kind, element } : element
}

function withArgument(
  kind: 'type' | 'search' | 'select',
  element: string | Action,
  argument: string | Action,
): Action {
  if (typeof element !== 'string') return element
  return typeof argument === 'string' ? { kind, element, argument } : argument
}
