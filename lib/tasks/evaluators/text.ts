/**
 * Texts against what a task requires of them, by the rules of VisualAgentBench (vab), WebArena and BrowserGym. Pure;
 * which rule a dialect uses is said in dialects.ts. `pred` is the agent's or the page's text, `ref` the task's.
 */
import { EvaluationError } from './contract.ts'
import { parseFloatStrict, parseInteger, strip } from './python.ts'
import { wordTokenize } from './word-tokenize.ts'

export interface TextRules {
  /** Drop blanks around a text before anything else. */
  strip: boolean
}

/** Between alternatives in a requirement. */
export const OR = ' |OR| '

/** One pair of surrounding quotes dropped, then lower case. A single quote character alone becomes "". */
export function cleanAnswer(text: string, rules: TextRules): string {
  let clean = rules.strip ? strip(text) : text
  if (clean.startsWith("'") && clean.endsWith("'")) clean = clean.slice(1, -1)
  else if (clean.startsWith('"') && clean.endsWith('"')) clean = clean.slice(1, -1)
  return clean.toLowerCase()
}

export function exactMatch(ref: string, pred: string, rules: TextRules): boolean {
  return cleanAnswer(pred, rules) === cleanAnswer(ref, rules)
}

export interface Words {
  /** Whether this reference, cleaned, is compared as a word; else it only has to occur. */
  asWord(cleanRef: string): boolean
  /** A word such as "a/b" also counts as "a" and as "b". */
  splitSlashes: boolean
}

/** vab: a reference that is one token has to be one of the text's tokens, so that "0" is not found in "10". */
export const SINGLE_TOKEN: Words = {
  asWord: (ref) => wordTokenize(ref).length === 1,
  splitSlashes: true,
}
/** WebArena: the same for the only reference of a task when it is one character. */
export const SINGLE_CHARACTER: Words = {
  asWord: (ref) => Array.from(ref).length === 1 && wordTokenize(ref).length === 1,
  splitSlashes: false,
}
export const SUBSTRING: Words = { asWord: () => false, splitSlashes: false }

export function mustInclude(ref: string, pred: string, rules: TextRules, words: Words): boolean {
  const wanted = cleanAnswer(ref, rules)
  const text = cleanAnswer(pred, rules)
  // Only quotes are rewritten: any other word of a text is a part of it, and most pages need no tokens.
  if (!text.includes(wanted) && !/[`'"]/.test(wanted)) return false
  if (!words.asWord(wanted)) return text.includes(wanted)
  const tokens = wordTokenize(text)
  return (
    tokens.includes(wanted) ||
    (words.splitSlashes && tokens.some((token) => token.split('/').includes(wanted)))
  )
}

/** vab: a reference that is one token must be none of the text's, any other must not occur. */
export function mustExclude(ref: string, pred: string, rules: TextRules): boolean {
  return !mustInclude(ref, pred, rules, { ...SINGLE_TOKEN, splitSlashes: false })
}

const TOLERANCE = 1e-8
// The order matters: "<=" holds a "<".
const OPERATORS: [string, (value: number, bound: number) => boolean][] = [
  ['<=', (value, bound) => value <= bound + TOLERANCE],
  ['>=', (value, bound) => value >= bound - TOLERANCE],
  ['==', (value, bound) => Math.abs(value - bound) <= TOLERANCE],
  ['<', (value, bound) => value < bound + TOLERANCE],
  ['>', (value, bound) => value > bound - TOLERANCE],
]

/** The whole number a text is once its commas are gone; undefined where it is none. */
export function wholeNumber(text: string): number | undefined {
  return parseInteger(strip(text).replaceAll(',', ''))
}

/**
 * ">= 12 |OR| == 3" of a number. The tolerance of 1e-8 makes "<" and ">" hold for equal numbers too, as published.
 * @throws EvaluationError for what is no such expression
 */
export function requiredValue(expression: string, value: number): boolean {
  return expression
    .split(OR)
    .map((one) => inequality(one, value))
    .includes(true)
}

function inequality(text: string, value: number): boolean {
  const operator = OPERATORS.find(([sign]) => text.includes(sign))
  const parts = operator ? text.split(operator[0]) : []
  const bound = parts.length === 2 ? parseFloatStrict(parts[1] as string) : undefined
  if (!operator || bound === undefined) {
    throw new EvaluationError(`required_values: expected an expression such as ">= 12", received "${text}"`, {
      upstream: 'ValueError',
    })
  }
  return operator[1](value, bound)
}
