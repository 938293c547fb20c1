/** Character references of HTML to characters as Python's html.unescape does it, which WebArena applies to page text. */
import { decodeHTML } from 'entities'

const REFERENCE = /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/g

/** Windows-1252 in the range where HTML means it: &#128; is the euro sign. */
const C1 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ'

export function unescapeHtml(text: string): string {
  return text.replace(REFERENCE, (whole, reference: string) => {
    if (!reference.startsWith('#')) return decodeHTML(whole)
    const digits = reference.slice(1).replace(/;$/, '')
    return character(
      /^[xX]/.test(digits) ? Number.parseInt(digits.slice(1), 16) : Number.parseInt(digits, 10),
    )
  })
}

function character(code: number): string {
  if (code === 0) return '\ufffd'
  if (code >= 0x80 && code <= 0x9f) return C1[code - 0x80] as string
  if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff) return '\ufffd'
  // Controls and noncharacters vanish.
  const control = code < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d].includes(code)
  const none = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe
  return control || none || code === 0x7f ? '' : String.fromCodePoint(code)
}
