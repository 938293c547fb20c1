/** Python's and NLTK's view of text against their own outputs on generated strings (fixtures/python_text.py). */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFloatStrict, parseInteger, pythonString } from '../../lib/tasks/evaluators/python.ts'
import { mustInclude, SINGLE_TOKEN } from '../../lib/tasks/evaluators/text.ts'
import { unescapeHtml } from '../../lib/tasks/evaluators/unescape.ts'
import { basePathAndQuery } from '../../lib/tasks/evaluators/urls.ts'
import { wordTokenize } from '../../lib/tasks/evaluators/word-tokenize.ts'

const data = JSON.parse(readFileSync(new URL('fixtures/python-text.json', import.meta.url), 'utf8'))
type Pairs<A, B> = [A, B][]

/** All pairs whose second half is not what `of` gives, as [input, expected, received]. */
function wrong<A, B>(pairs: Pairs<A, B>, of: (input: A) => B): [A, B, B][] {
  expect(pairs.length).toBeGreaterThan(10)
  return pairs
    .map(([input, expected]): [A, B, B] => [input, expected, of(input)])
    .filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b))
}

test('word_tokenize', () => expect(wrong(data.words as Pairs<string, string[]>, wordTokenize)).toEqual([]))
test('html.unescape', () => expect(wrong(data.unescape as Pairs<string, string>, unescapeHtml)).toEqual([]))
test('str() of what a page gave', () => {
  // JSON keeps neither -0 nor the difference of 1 and 1.0; both are 1 in a browser.
  const pairs = (data.str as Pairs<number, string>).filter(([, text]) => text !== '1.0' && text !== '-0.0')
  // Integers that Python's JSON reads as floats only because of their spelling reach a page as integers.
  const asIntegers = new Map([
    ['1e+16', '10000000000000000'],
    ['123456789012345680', '123456789012345680'],
    ['9007199254740994.0', '9007199254740994'],
  ])
  expect(
    wrong(
      pairs.map(([value, text]): [number, string] => [value, asIntegers.get(text) ?? text]),
      pythonString,
    ),
  ).toEqual([])
})
test('str() of what JSON cannot carry', () => {
  const special = [undefined, Number.NaN, Infinity, -Infinity, -0, 12345678901234567890123n]
  expect(special.map(pythonString)).toEqual(['None', 'nan', 'inf', '-inf', '-0.0', '12345678901234567890123'])
})
test('int() and float()', () => {
  const text = (value: number | undefined) =>
    value === undefined ? null : Number.isFinite(value) ? String(value) : pythonString(value)
  expect(
    wrong(
      data.int as Pairs<string, string | null>,
      (one) => text(parseInteger(one))?.replace('-0', '0') ?? null,
    ),
  ).toEqual([])
  expect(
    wrong(data.float as Pairs<string, string | null>, (one) => {
      const value = parseFloatStrict(one)
      return value !== undefined && Number.isInteger(value) ? `${value}.0` : text(value)
    }),
  ).toEqual([])
})
test("WebArena's address rule", () => {
  const cases = data.webarena_url as [string, string, boolean][]
  expect(cases.some(([, , holds]) => holds) && cases.some(([, , holds]) => !holds)).toBe(true)
  expect(
    cases.filter(([reference, url, holds]) => basePathAndQuery(reference, url, undefined) !== holds),
  ).toEqual([])
})

describe('words', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 }).map((one) => one.toLowerCase())

  test('hold no blanks, and every letter and digit of the text in its order', () => {
    fc.assert(
      fc.property(text, (one) => {
        const words = wordTokenize(one)
        expect(words.filter((word) => /\s/.test(word.replaceAll('\ufeff', '')) || word === '')).toEqual([])
        const letters = (of: string) => of.replace(/[^\p{L}\p{N}]/gu, '')
        expect(letters(words.join(''))).toBe(letters(one))
      }),
    )
  })
  test('that are single are found in a text around them, and a text of nothing is found in all', () => {
    const rules = { strip: false }
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{1,8}$/), text, (word, around) => {
        fc.pre(wordTokenize(word).length === 1)
        expect(mustInclude(word, `is ${word} (and ${around}`, rules, SINGLE_TOKEN)).toBe(true)
        expect(mustInclude('', around, rules, SINGLE_TOKEN)).toBe(true)
        expect(mustInclude(word, `x${word}x`, rules, SINGLE_TOKEN)).toBe(false)
      }),
    )
  })
  test('of a long page come in time that grows with its length', () => {
    const page = `<td class="a">no. 5. it's</td> `.repeat(3000)
    expect(wordTokenize(page).length).toBeGreaterThan(30_000)
  })
})
