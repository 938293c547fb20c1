/**
 * Python source of one expression as tokens: names, numbers, texts, operators. Line breaks count only outside
 * brackets, where nothing may follow them but comments. Throws PythonSyntaxError where Python's tokenizer would.
 */
import { readStringLiteral, type StringLiteral } from './grammar-literal.ts'

export class PythonSyntaxError extends Error {
  readonly code = 'PYTHON_SYNTAX'
  override name = 'PythonSyntaxError'

  constructor() {
    super('the text is no Python expression')
  }
}

export type Token =
  | { type: 'name'; text: string }
  | { type: 'operator'; text: string }
  | { type: 'number'; imaginary: boolean }
  | { type: 'string'; kind: StringLiteral['kind']; value: string }
  | { type: 'end' }

const BLANK = /[ \t\f]+/y
const COMMENT = /#[^\n]*/y
const NAME = /[\p{XID_Start}_][\p{XID_Continue}]*/uy
const OPERATOR = /\.\.\.|\*\*|\/\/|<<|>>|<=|>=|==|!=|:=|[-+*/%@&|^~<>()[\]{},:.=]/y
const NUMBER =
  /(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:(?:\d(?:_?\d)*)?\.\d(?:_?\d)*|\d(?:_?\d)*\.?)(?:[eE][+-]?\d(?:_?\d)*)?[jJ]?)/y
/** Whole decimal numbers do not begin with 0, except 0 itself. */
const LEADING_ZERO = /^0[0_]*[1-9][\d_]*$/
/** What may touch the end of a number; anything else there is an error. */
const AFTER_NUMBER = /(?:and|else|for|if|in|is|or|not)(?![\p{XID_Continue}])/uy
const MAX_BRACKETS = 200
/** CPython's limit on decimal digits of an integer. */
const MAX_DIGITS = 4300
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

export function tokenize(source: string): Token[] {
  if (source.includes('\0') || /\p{Surrogate}/u.test(source)) throw new PythonSyntaxError()
  const text = source.replace(/\r\n?/g, '\n')
  const tokens: Token[] = []
  const open: string[] = []
  let ended = false
  let at = 0
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  while (at < text.length) {
    const skipped = match(BLANK) ?? match(COMMENT)
    if (skipped !== undefined) {
      at += skipped.length
      continue
    }
    if (text[at] === '\n') {
      ended ||= open.length === 0 && tokens.length > 0
      at++
      continue
    }
    if (text.startsWith('\\\n', at) && at + 2 < text.length) {
      at += 2
      continue
    }
    if (ended) throw new PythonSyntaxError()
    const literal = readStringLiteral(text, at, 'python')
    if (typeof literal === 'string') throw new PythonSyntaxError()
    if (literal) {
      tokens.push({ type: 'string', kind: literal.kind, value: literal.value })
      at = literal.end
      continue
    }
    const number = match(NUMBER)
    if (number !== undefined) {
      tokens.push(numberToken(number))
      at += number.length
      if (match(NAME) !== undefined && match(AFTER_NUMBER) === undefined) throw new PythonSyntaxError()
      continue
    }
    const name = match(NAME)
    if (name !== undefined) {
      tokens.push({ type: 'name', text: name.normalize('NFKC') })
      at += name.length
      continue
    }
    const operator = match(OPERATOR)
    if (operator === undefined) throw new PythonSyntaxError()
    const closing = CLOSING[operator]
    if (closing !== undefined) open.push(closing)
    if (open.length > MAX_BRACKETS) throw new PythonSyntaxError()
    if (')]}'.includes(operator) && open.pop() !== operator) throw new PythonSyntaxError()
    tokens.push({ type: 'operator', text: operator })
    at += operator.length
  }
  if (open.length > 0) throw new PythonSyntaxError()
  tokens.push({ type: 'end' })
  return tokens
}

function numberToken(text: string): Token {
  const imaginary = /[jJ]$/.test(text)
  if (!imaginary && LEADING_ZERO.test(text)) throw new PythonSyntaxError()
  if (/^[\d_]+$/.test(text) && text.replaceAll('_', '').length > MAX_DIGITS) throw new PythonSyntaxError()
  return { type: 'number', imaginary: imaginary && !/^0[xX]/.test(text) }
}
