/**
 * The words of lower-cased text as word_tokenize of NLTK 3.8.1 gives them: Punkt sentences, then the Treebank rules of
 * NLTKWordTokenizer in their order. WebArena's evaluators compare single words by it. Newer NLTK splits differently.
 */
import { sentences } from './punkt.ts'
import { END, SPACE, splitSpaces, WORD, WORD_BOUNDARY } from './python.ts'

type Rule = [pattern: RegExp, replacement: string]

const STARTING_QUOTES: Rule[] = [
  [/[«“‘„]|`+/gu, ' $& '],
  [/^"/u, '``'],
  [/``/gu, ' $& '],
  [/([ ([{<])("|'{2})/gu, '$1 `` '],
  // A quote before a one-letter word that is no clitic.
  [new RegExp(`(')(?!re|ve|ll|m|t|s|d|n)([${WORD}])${WORD_BOUNDARY}`, 'giu'), '$1 $2'],
]

const PUNCTUATION: Rule[] = [
  [new RegExp(`([^.])(\\.)([\\])}>"'»”’ ]*)[${SPACE}]*${END}`, 'gu'), '$1 $2 $3 '],
  [/([:,])(\P{Nd})/gu, ' $1 $2'],
  [new RegExp(`([:,])${END}`, 'gu'), ' $1 '],
  [/\.{2,}/gu, ' $& '],
  [/[;@#$%&]/gu, ' $& '],
  [new RegExp(`([^.])(\\.)([\\])}>"']*)[${SPACE}]*${END}`, 'gu'), '$1 $2$3 '],
  [/[?!]/gu, ' $& '],
  [/([^'])' /gu, "$1 ' "],
  [/\*/gu, ' $& '],
]

const BRACKETS: Rule[] = [
  [/[\][(){}<>]/gu, ' $& '],
  [/--/gu, ' -- '],
]

const ENDING_QUOTES: Rule[] = [
  [/[»”’]/gu, ' $& '],
  [/''/gu, " '' "],
  [/"/gu, " '' "],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /gu, '$1 $2 '],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /gu, '$1 $2 '],
]

const pair = (before: string, left: string, right: string, after: string): Rule => [
  new RegExp(`${before}(${left})(${right})${after}`, 'giu'),
  ' $1 $2 ',
]
const whole = (left: string, right: string): Rule => pair(WORD_BOUNDARY, left, right, WORD_BOUNDARY)
const CONTRACTIONS: Rule[] = [
  whole('can', 'not'),
  whole('d', "'ye"),
  whole('gim', 'me'),
  whole('gon', 'na'),
  whole('got', 'ta'),
  whole('lem', 'me'),
  whole('more', "'n"),
  pair(WORD_BOUNDARY, 'wan', 'na', `(?=[${SPACE}])`),
  pair(' ', "'t", 'is', WORD_BOUNDARY),
  pair(' ', "'t", 'was', WORD_BOUNDARY),
]

const apply = (text: string, rules: Rule[]): string =>
  rules.reduce((current, [pattern, replacement]) => current.replace(pattern, replacement), text)

/** Tokens of one sentence. */
function treebank(sentence: string): string[] {
  const opened = apply(sentence, [...STARTING_QUOTES, ...PUNCTUATION, ...BRACKETS])
  return splitSpaces(apply(` ${opened} `, [...ENDING_QUOTES, ...CONTRACTIONS]))
}

/** Tokens of `text`, which is expected in lower case (sentence boundaries before capitals are not decided). */
export function wordTokenize(text: string): string[] {
  return sentences(text).flatMap(treebank)
}
