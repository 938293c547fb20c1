/**
 * Reads one Python string literal: prefixes, triple quotes, escapes. Nothing is evaluated. "python" refuses what
 * Python refuses (https://docs.python.org/3/reference/lexical_analysis.html#literals), save that characters by
 * name (\N{...}) are unknown; "lenient" also takes line breaks between single quotes and keeps broken escapes.
 */

export interface StringLiteral {
  /** format: an f-string, whose value only Python could compute. */
  kind: 'str' | 'bytes' | 'format'
  value: string
  /** Position behind the closing quote. */
  end: number
}

export type LiteralRules = 'python' | 'lenient'

const OPENING = /([bB][rR]?|[rR][bBfF]?|[fF][rR]?|[uU])?('''|"""|'|")/y

const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

const NUMERIC = /x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})/y

/** The literal that begins at `at`; a sentence where one begins and is broken; undefined where none begins. */
export function readStringLiteral(
  text: string,
  at: number,
  rules: LiteralRules,
): StringLiteral | string | undefined {
  OPENING.lastIndex = at
  const opening = OPENING.exec(text)
  if (!opening) return undefined
  const prefix = (opening[1] ?? '').toLowerCase()
  const quote = opening[2] as string
  const kind = prefix.includes('b') ? 'bytes' : prefix.includes('f') ? 'format' : 'str'
  const raw = prefix.includes('r')
  const strict = rules === 'python'
  let value = ''
  let i = at + opening[0].length
  let from = i
  while (i < text.length) {
    const ch = text[i] as string
    if (text.startsWith(quote, i)) return { kind, value: value + text.slice(from, i), end: i + quote.length }
    if (ch === '\n' && quote.length === 1 && strict) return 'a text in single quotes ends on its own line'
    if (kind === 'bytes' && ch > '\x7f' && strict) return 'a bytes literal holds ASCII only'
    if (ch !== '\\') {
      i++
    } else if (raw || kind === 'format') {
      i += 2
    } else {
      const read = readEscape(text, i, kind)
      if (read === undefined && strict) return 'an escape such as \\x41 lacks its digits'
      value += text.slice(from, i) + (read?.value ?? '\\')
      i = read?.end ?? i + 1
      from = i
    }
  }
  return 'a quoted text does not end'
}

/** What the backslash at `at` begins; undefined where Python would refuse it. Unknown escapes stay as they are. */
function readEscape(text: string, at: number, kind: StringLiteral['kind']) {
  const next = text[at + 1]
  if (next === undefined) return { value: '\\', end: at + 1 }
  const simple = SIMPLE[next]
  if (simple !== undefined) return { value: simple, end: at + 2 }
  const inBytes = kind === 'bytes'
  NUMERIC.lastIndex = at + 1
  const match = NUMERIC.exec(text)
  if (match && !(inBytes && (match[2] ?? match[3]))) {
    const [whole, x, u, U, octal] = match
    const code = octal === undefined ? Number.parseInt(x ?? u ?? U ?? '', 16) : Number.parseInt(octal, 8)
    return code <= 0x10ffff ? { value: String.fromCodePoint(code), end: at + 1 + whole.length } : undefined
  }
  if (next === 'x' || (!inBytes && 'uUN'.includes(next))) return undefined
  return { value: `\\${next}`, end: at + 2 }
}
