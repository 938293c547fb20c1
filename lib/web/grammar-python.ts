/**
 * Reads one Python expression as ast.parse(mode="eval") would, as far as an action needs it: names, calls with their
 * keywords, and which values ast.literal_eval accepts. Every other expression is only checked for its form; nothing
 * is evaluated. Not known: the inside of f-strings, and whether a target can be assigned to.
 */
import { PythonSyntaxError, type Token, tokenize } from './grammar-tokens.ts'

/** What ast.literal_eval would give; only texts keep their value. */
export type PythonValue =
  | { type: 'str'; value: string }
  | { type: 'bytes' | 'constant' }
  | { type: 'number'; imaginary: boolean; form: 'constant' | 'signed' | 'sum' }
  | { type: 'collection'; hashable: boolean }

export interface PythonKeyword {
  /** undefined for **mapping. */
  name: string | undefined
  value: PythonExpression
}

export type PythonExpression =
  | { type: 'name'; id: string }
  | { type: 'call'; callee: PythonExpression; positional: number; keywords: PythonKeyword[] }
  | { type: 'value'; value: PythonValue }
  /** A well-formed expression that is none of these and no literal. */
  | { type: 'other' }

/** The expression a text is, or undefined where Python would raise a SyntaxError. Takes time linear in the text. */
export function readPythonExpression(source: string): PythonExpression | undefined {
  try {
    const reader = new ExpressionReader(tokenize(source))
    const expression = reader.expressions()
    reader.finish()
    return expression
  } catch (error) {
    if (error instanceof PythonSyntaxError) return undefined
    throw error
  }
}

const KEYWORDS = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from ' +
    'global if import in is lambda nonlocal not or pass raise return try while with yield'
  ).split(' '),
)

const BINARY: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  in: 4,
  is: 4,
  not: 4,
  '<': 4,
  '>': 4,
  '<=': 4,
  '>=': 4,
  '==': 4,
  '!=': 4,
  '|': 5,
  '^': 6,
  '&': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '//': 10,
  '%': 10,
  '@': 10,
}
const NEGATION = 3
const BITWISE_OR = 5
/** Operators nested deeper than this are refused, as CPython's parser runs out of stack too. */
const MAX_NESTING = 1200

const OTHER: PythonExpression = { type: 'other' }
const constant: PythonExpression = { type: 'value', value: { type: 'constant' } }

class ExpressionReader {
  readonly #tokens: readonly Token[]
  #at = 0
  #nesting = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  finish(): void {
    if (this.#token.type !== 'end') this.#fail()
  }

  /** Expressions separated by commas: one, or a tuple without parentheses. */
  expressions(): PythonExpression {
    const first = this.#expression()
    if (!this.#is(',')) return first
    while (this.#take(',')) if (this.#token.type !== 'end') this.#expression()
    return OTHER
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token
  }

  #fail(): never {
    throw new PythonSyntaxError()
  }

  /** Whether the next token is this operator or keyword. */
  #is(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead]
    return token !== undefined && (token.type === 'operator' || token.type === 'name') && token.text === text
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false
    this.#at++
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#fail()
  }

  #identifier(): string {
    const token = this.#token
    if (token.type !== 'name' || KEYWORDS.has(token.text)) this.#fail()
    this.#at++
    return token.text
  }

  #nested<T>(read: () => T): T {
    if (++this.#nesting > MAX_NESTING) this.#fail()
    const value = read()
    this.#nesting--
    return value
  }

  /** expression, or NAME := expression where `walrus` allows it. */
  #expression(walrus = false): PythonExpression {
    return this.#nested(() => {
      if (walrus && this.#token.type === 'name' && this.#is(':=', 1)) {
        this.#identifier()
        this.#at++
        this.#expression()
        return OTHER
      }
      if (this.#take('lambda')) return this.#lambda()
      const value = this.#binary(1)
      if (!this.#take('if')) return value
      this.#binary(1)
      this.#expect('else')
      this.#expression()
      return OTHER
    })
  }

  #lambda(): PythonExpression {
    while (!this.#is(':')) {
      if (!this.#take('/')) {
        const starred = this.#take('**') || this.#take('*')
        if (!starred || !this.#is(',')) {
          this.#identifier()
          if (this.#take('=')) this.#expression()
        }
      }
      if (!this.#take(',')) break
    }
    this.#expect(':')
    this.#expression()
    return OTHER
  }

  #binary(lowest: number): PythonExpression {
    return this.#nested(() => {
      let left: PythonExpression
      if (lowest <= NEGATION && this.#take('not')) {
        this.#binary(NEGATION)
        left = OTHER
      } else {
        left = this.#unary()
      }
      for (;;) {
        const token = this.#token
        const operator = token.type === 'operator' || token.type === 'name' ? token.text : ''
        const precedence = Object.hasOwn(BINARY, operator) ? (BINARY[operator] as number) : 0
        if (precedence === 0 || precedence < lowest) return left
        this.#at++
        if (operator === 'not') this.#expect('in')
        if (operator === 'is') this.#take('not')
        const right = this.#binary(precedence + 1)
        left = operator === '+' || operator === '-' ? sum(left, right) : OTHER
      }
    })
  }

  #unary(): PythonExpression {
    let signs = 0
    let tilde = false
    while (this.#is('+') || this.#is('-') || this.#is('~')) {
      tilde ||= this.#is('~')
      signs++
      this.#at++
    }
    if (signs > MAX_NESTING) this.#fail()
    const operand = this.#power()
    if (signs === 0) return operand
    const number = signs === 1 && !tilde ? numberOf(operand) : undefined
    return number?.form === 'constant' ? { type: 'value', value: { ...number, form: 'signed' } } : OTHER
  }

  #power(): PythonExpression {
    const awaited = this.#take('await')
    const base = this.#primary()
    if (this.#take('**')) {
      this.#nested(() => this.#unary())
      return OTHER
    }
    return awaited ? OTHER : base
  }

  #primary(): PythonExpression {
    let value = this.#atom()
    for (;;) {
      if (this.#take('.')) {
        this.#identifier()
        value = OTHER
      } else if (this.#take('(')) {
        value = this.#arguments(value)
      } else if (this.#take('[')) {
        this.#subscripts()
        value = OTHER
      } else {
        return value
      }
    }
  }

  #subscripts(): void {
    do {
      if (this.#is(']')) break
      if (this.#take('*')) {
        this.#expression()
        continue
      }
      if (!this.#is(':')) this.#expression(true)
      for (let colons = 0; colons < 2 && this.#take(':'); colons++) {
        if (!this.#is(':') && !this.#is(']') && !this.#is(',')) this.#expression()
      }
    } while (this.#take(','))
    if (this.#is('[', -1)) this.#fail()
    this.#expect(']')
  }

  #arguments(callee: PythonExpression): PythonExpression {
    const keywords: PythonKeyword[] = []
    let positional = 0
    let mapping = false
    while (!this.#take(')')) {
      if (this.#take('**')) {
        keywords.push({ name: undefined, value: this.#expression() })
        mapping = true
      } else if (this.#take('*')) {
        if (mapping) this.#fail()
        this.#expression()
        positional++
      } else if (this.#token.type === 'name' && this.#is('=', 1)) {
        const name = this.#identifier()
        this.#at++
        keywords.push({ name, value: this.#expression() })
      } else {
        if (keywords.length > 0) this.#fail()
        this.#expression(true)
        positional++
        if (this.#is('for') || this.#is('async')) {
          if (positional > 1) this.#fail()
          this.#comprehension(')')
          break
        }
      }
      if (!this.#take(',') && !this.#is(')')) this.#fail()
    }
    const emptySet =
      callee.type === 'name' && callee.id === 'set' && positional === 0 && keywords.length === 0
    return emptySet
      ? { type: 'value', value: { type: 'collection', hashable: false } }
      : { type: 'call', callee, positional, keywords }
  }

  #atom(): PythonExpression {
    const token = this.#token
    switch (token.type) {
      case 'string':
        return this.#strings()
      case 'number':
        this.#at++
        return { type: 'value', value: { type: 'number', imaginary: token.imaginary, form: 'constant' } }
      case 'name':
        if (token.text === 'None' || token.text === 'True' || token.text === 'False') {
          this.#at++
          return constant
        }
        return { type: 'name', id: this.#identifier() }
      case 'operator':
        this.#at++
        if (token.text === '...') return constant
        if (token.text === '(') return this.#nested(() => this.#parentheses())
        if (token.text === '[') return this.#nested(() => this.#elements(']', false))
        if (token.text === '{') return this.#nested(() => this.#braces())
    }
    return this.#fail()
  }

  /** Adjacent literals are one; bytes and text do not mix. */
  #strings(): PythonExpression {
    let value = ''
    let bytes = 0
    let formats = 0
    let count = 0
    for (let token = this.#token; token.type === 'string'; token = this.#token) {
      if (token.kind === 'bytes') bytes++
      if (token.kind === 'format') formats++
      value += token.value
      count++
      this.#at++
    }
    if (bytes > 0 && bytes < count) this.#fail()
    if (formats > 0) return OTHER
    return { type: 'value', value: bytes > 0 ? { type: 'bytes' } : { type: 'str', value } }
  }

  #parentheses(): PythonExpression {
    if (this.#take('yield')) {
      if (this.#take('from')) this.#expression()
      else if (!this.#is(')')) this.#elements(')', false)
      else this.#at++
      return OTHER
    }
    if (this.#is(')') || this.#is('*')) return this.#elements(')', true)
    const first = this.#expression(true)
    return this.#take(')') ? first : this.#elements(')', true, first)
  }

  /** The inside of a list, tuple or set up to `closing`; `first` has been read already. */
  #elements(closing: string, hashable: boolean, first?: PythonExpression): PythonExpression {
    let element = first
    let literal = true
    for (let count = 0; element !== undefined || !this.#take(closing); count++) {
      if (element === undefined && this.#take('*')) {
        this.#binary(BITWISE_OR)
        literal = false
        if (closing === ')' && !this.#is(',')) this.#fail()
      } else {
        element ??= this.#expression(true)
        if (count === 0 && (this.#is('for') || this.#is('async'))) return this.#comprehension(closing)
        literal &&= element.type === 'value'
        hashable &&= element.type === 'value' && isHashable(element.value)
        element = undefined
      }
      if (!this.#take(',') && !this.#is(closing)) this.#fail()
    }
    return literal ? { type: 'value', value: { type: 'collection', hashable } } : OTHER
  }

  #braces(): PythonExpression {
    if (this.#take('}')) return { type: 'value', value: { type: 'collection', hashable: false } }
    if (this.#is('*')) return this.#set()
    let key = this.#is('**') ? undefined : this.#expression(true)
    if (key && !this.#is(':')) return this.#set(key)
    let literal = true
    for (let count = 0; key !== undefined || !this.#take('}'); count++) {
      if (key === undefined && this.#take('**')) {
        this.#binary(BITWISE_OR)
        literal = false
      } else {
        key ??= this.#expression()
        this.#expect(':')
        const value = this.#expression()
        if (count === 0 && (this.#is('for') || this.#is('async'))) return this.#comprehension('}')
        literal &&= key.type === 'value' && isHashable(key.value) && value.type === 'value'
        key = undefined
      }
      if (!this.#take(',') && !this.#is('}')) this.#fail()
    }
    return literal ? { type: 'value', value: { type: 'collection', hashable: false } } : OTHER
  }

  /** A set of unhashable elements is no literal: making it raises. */
  #set(first?: PythonExpression): PythonExpression {
    const inner = this.#elements('}', true, first)
    const made = inner.type === 'value' && isHashable(inner.value)
    return made ? { type: 'value', value: { type: 'collection', hashable: false } } : OTHER
  }

  /** One or more "for TARGETS in ITERABLE if CONDITION" up to `closing`. */
  #comprehension(closing: string): PythonExpression {
    do {
      this.#take('async')
      this.#expect('for')
      do {
        if (this.#is('in')) break
        this.#take('*')
        if (this.#binary(BITWISE_OR).type === 'value') this.#fail()
      } while (this.#take(','))
      this.#expect('in')
      this.#binary(1)
      while (this.#take('if')) this.#binary(1)
    } while (this.#is('for') || this.#is('async'))
    this.#expect(closing)
    return OTHER
  }
}

function numberOf(expression: PythonExpression) {
  return expression.type === 'value' && expression.value.type === 'number' ? expression.value : undefined
}

/** literal_eval knows one sum: a real number and an imaginary one. */
function sum(left: PythonExpression, right: PythonExpression): PythonExpression {
  const real = numberOf(left)
  const imaginary = numberOf(right)
  const complex =
    real && !real.imaginary && real.form !== 'sum' && imaginary?.imaginary && imaginary.form === 'constant'
  return complex ? { type: 'value', value: { type: 'number', imaginary: true, form: 'sum' } } : OTHER
}

const isHashable = (value: PythonValue): boolean => value.type !== 'collection' || value.hashable
