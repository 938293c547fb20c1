/**
 * Compares texts the way WebArena's evaluators do: case-insensitive, outer quotes and outer blanks dropped,
 * " |OR| " between alternatives. Pure; no judge, no pages.
 */

/** Lower case, blanks trimmed, one pair of surrounding quotes dropped. */
export function cleanAnswer(text: string): string {
  const trimmed = text.trim()
  const quoted = trimmed.length >= 2 && /^(['"])[\s\S]*\1$/.test(trimmed)
  return (quoted ? trimmed.slice(1, -1) : trimmed).toLowerCase()
}

export function exactMatch(reference: string, text: string): boolean {
  return cleanAnswer(reference) === cleanAnswer(text)
}

/** The text contains one of the " |OR| " alternatives. */
export function mustInclude(reference: string, text: string): boolean {
  const clean = cleanAnswer(text)
  return reference.split(' |OR| ').some((one) => clean.includes(cleanAnswer(one)))
}

export function mustExclude(reference: string, text: string): boolean {
  return !mustInclude(reference, text)
}

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  '<=': (a, b) => a <= b + 1e-8,
  '>=': (a, b) => a >= b - 1e-8,
  '==': (a, b) => Math.abs(a - b) <= 1e-8,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
}

/** An expression such as ">= 12 |OR| == 3" against a text that is one whole number (commas allowed). */
export function requiredValue(expression: string, text: string): boolean {
  const digits = text.trim().replaceAll(',', '')
  if (!/^[+-]?\d+$/.test(digits)) return false
  return expression.split(' |OR| ').some((one) => {
    const parts = /^\s*(<=|>=|==|<|>)\s*([+-]?\d+(?:\.\d+)?)\s*$/.exec(one)
    if (!parts)
      throw new RangeError(`required_values expects an expression such as ">= 12", received "${one}"`)
    return COMPARE[parts[1] as string]?.(Number(digits), Number(parts[2])) ?? false
  })
}

/**
 * The page's address against `reference_url` (alternatives with " |OR| "). Without a note it must be equal up to
 * one trailing slash; "GOLD in PRED" asks for a substring.
 */
export function urlMatch(reference: string, url: string, note = 'EXACT'): boolean {
  const clean = (text: string) => text.replaceAll('localhost', '127.0.0.1').replace(/\/$/, '')
  const golds = reference.split(' |OR| ').map(clean)
  if (note === 'EXACT') return golds.includes(clean(url))
  if (note === 'GOLD in PRED') return golds.some((gold) => clean(url).includes(gold))
  throw new RangeError(`url_note expects "EXACT" or "GOLD in PRED", received "${note}"`)
}
