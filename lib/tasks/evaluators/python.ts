/**
 * How Python sees text, where WebArena's evaluators rely on it: what is white space, a word character, a number, and
 * what str() makes of a value that came from a page. Pure; nothing here knows tasks.
 */
import type { LocatedValue } from '../pages.ts'

/** Inside [...] of a regular expression with the u flag: what str.split(), str.strip() and \s take for white space. */
export const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
/** Inside [...]: \w. Unlike JavaScript's it knows every script; combining marks are no word characters. */
export const WORD = '\\p{L}\\p{N}_'
/** The zero-width \b between WORD characters and others. */
export const WORD_BOUNDARY = `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`
/** $ without MULTILINE: the end, or before a line break that is the last character. */
export const END = '(?=\\n?$)'

const LEADING = new RegExp(`^[${SPACE}]+`, 'u')
const TRAILING = new RegExp(`[${SPACE}]+$`, 'u')
const SPACES = new RegExp(`[${SPACE}]+`, 'u')

export const rstrip = (text: string): string => {
  // A trailing-anchored pattern is tried at every blank of a long text; looking from the end is linear.
  let end = text.length
  while (end > 0 && TRAILING.test(text[end - 1] as string)) end--
  return text.slice(0, end)
}
export const strip = (text: string): string => rstrip(text.replace(LEADING, ''))
/** str.split() without arguments: no empty parts. */
export const splitSpaces = (text: string): string[] => text.split(SPACES).filter((part) => part !== '')

/** int(text), or undefined where Python raises ValueError: blanks around, one sign, digits of any script, 1_000. */
export function parseInteger(text: string): number | undefined {
  const clean = strip(text)
  return /^[+-]?\p{Nd}+(_\p{Nd}+)*$/u.test(clean) ? Number(asciiDigits(clean)) : undefined
}

/** float(text), or undefined where Python raises ValueError. */
export function parseFloatStrict(text: string): number | undefined {
  const clean = asciiDigits(strip(text)).toLowerCase()
  const special = /^([+-]?)(inf|infinity|nan)$/.exec(clean)
  if (special) return (special[1] === '-' ? -1 : 1) * (special[2] === 'nan' ? Number.NaN : Infinity)
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(clean) ? Number(clean) : undefined
}

/** Decimal digits of any script as 0-9 (Unicode keeps each script's ten in a row), single underscores dropped. */
function asciiDigits(text: string): string {
  const digit = (char: string): string => {
    const code = char.codePointAt(0) as number
    let zero = code
    while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--
    return String((code - zero) % 10)
  }
  return text
    .replace(/(?<=\p{Nd})_(?=\p{Nd})/gu, '')
    .replace(/\p{Nd}/gu, (char) => (char >= '0' && char <= '9' ? char : digit(char)))
}

/**
 * str(value) of what page.evaluate gives in Python: null and undefined are "None", true is "True", 1 is "1" and 1.5
 * is "1.5", NaN is "nan", lists and dicts as repr writes them.
 */
export function pythonString(value: LocatedValue | bigint): string {
  return typeof value === 'string' ? value : pythonRepr(value)
}

export function pythonRepr(value: LocatedValue | bigint): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return numberRepr(value)
  if (typeof value === 'string') return stringRepr(value)
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`
  const entries = Object.entries(value).map(([key, item]) => `${stringRepr(key)}: ${pythonRepr(item)}`)
  return `{${entries.join(', ')}}`
}

/** A number crosses as JSON text: without point and exponent it is an int in Python, else a float. */
function numberRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const json = JSON.stringify(value)
  if (/^-?\d+$/.test(json)) return json
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string]
  const power = Number(exponent)
  // repr() leaves fixed notation below 1e-4 and from 1e16 on.
  if (power >= -4 && power < 16) return json
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = Array.from(text, (char) => {
    if (char === '\\' || char === quote) return `\\${char}`
    if (char === '\n') return '\\n'
    if (char === '\r') return '\\r'
    if (char === '\t') return '\\t'
    if (char === ' ' || !/[\p{C}\p{Z}]/u.test(char)) return char
    const code = char.codePointAt(0) as number
    const hex = code.toString(16)
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
  })
  return `${quote}${escaped.join('')}${quote}`
}
