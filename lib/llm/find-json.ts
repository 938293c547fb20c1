/**
 * The JSON values a model may have meant in a reply with thoughts, fences or prose around them, likeliest first.
 * Takes time in proportion to the text, whatever the text, and leaves out values nested too deep for recursion.
 */

/** Brackets that open no JSON cost one scan each. */
const MOST_DEAD_ENDS = 64
const DEEPEST = 200

export function jsonCandidates(reply: string): unknown[] {
  // Servers without a reasoning parser leave the thoughts in.
  const text = reply.split('</think>').at(-1) ?? ''
  const fences = [...text.matchAll(/```[a-zA-Z0-9]*[ \t]*\r?\n?([\s\S]*?)```/g)].map(
    (match) => match[1] ?? '',
  )
  // Of several, models draft first and answer last.
  const values = [text, ...fences.reverse()].map(parse)
  return [...values, ...embedded(text).reverse()].filter((value) => value !== undefined)
}

/** Outermost objects and lists in a text, in order. */
function embedded(text: string): unknown[] {
  const values: unknown[] = []
  // What cannot begin an object or a list of JSON is not tried.
  const opening = /\{(?=\s*["}])|\[(?=\s*["[{\]\d\-tfn])/g
  for (let dead = 0; dead < MOST_DEAD_ENDS; ) {
    const start = opening.exec(text)?.index
    if (start === undefined) break
    const end = closing(text, start)
    const value = end < 0 ? undefined : parse(text.slice(start, end))
    if (value === undefined) {
      dead++
      opening.lastIndex = start + 1
    } else {
      values.push(value)
      opening.lastIndex = end
    }
  }
  return values
}

/** undefined where the text is no JSON. */
function parse(text: string): unknown {
  const trimmed = text.trim()
  if (/^[[{]/.test(trimmed) && closing(trimmed, 0) !== trimmed.length) return undefined
  try {
    return JSON.parse(trimmed)
  } catch {
    return undefined
  }
}

/** Where the value opened at `start` ends, or -1: brackets that match outside of strings. */
function closing(text: string, start: number): number {
  const open: string[] = []
  let inString = false
  for (let i = start; i < text.length; i++) {
    const c = text[i]
    if (inString) {
      if (c === '\\') i++
      else if (c === '"') inString = false
    } else if (c === '"') inString = true
    else if (c === '{' || c === '[') {
      if (open.push(c === '{' ? '}' : ']') > DEEPEST) return -1
    } else if (c === '}' || c === ']') {
      if (open.pop() !== c) return -1
      if (open.length === 0) return i + 1
    }
  }
  return -1
}
