/**
 * Python's ideas of text where the published formats depend on them: lengths and slices in code points, and what
 * str.strip() takes off. Knows no format.
 */

/** Number of code points: Python's len. */
export function codePoints(text: string): number {
  let count = 0
  for (let i = 0; i < text.length; count++) i += isPair(text, i) ? 2 : 1
  return count
}

/** text[:end] in code points; a negative end counts from the end of the text. */
export function sliceTo(text: string, end: number): string {
  const stop = end < 0 ? Math.max(0, codePoints(text) + end) : end
  if (stop >= text.length) return text
  let at = 0
  for (let taken = 0; taken < stop && at < text.length; taken++) at += isPair(text, at) ? 2 : 1
  return text.slice(0, at)
}

// Python counts the separators U+001C to U+001F and U+0085 as white space and U+FEFF as none; JavaScript the reverse.
const SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const START = new RegExp(`^${SPACE}+`)

/** text.strip() of Python. */
export function strip(text: string): string {
  const left = text.replace(START, '')
  let end = left.length
  while (end > 0 && START.test(left[end - 1] as string)) end--
  return left.slice(0, end)
}

function isPair(text: string, at: number): boolean {
  const high = text.charCodeAt(at)
  if (high < 0xd800 || high > 0xdbff) return false
  const low = text.charCodeAt(at + 1)
  return low >= 0xdc00 && low <= 0xdfff
}
