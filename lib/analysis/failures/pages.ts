/**
 * When two pages are the same: an address without what changes by itself, and a bag of words without numbers, dates
 * and element ids. Clocks, counters and rotating notices must not hide a loop.
 */
import { siteAt } from '../../sites/authoring.ts'

/** A page as it is compared. */
export interface PageSignature {
  address: string
  /** The address without numbers. */
  place: string
  words: Bag
  /** Words of links, buttons and fields: what can be done here. */
  controls: Bag
}

interface Bag {
  counts: ReadonlyMap<string, number>
  size: number
}

/** Addresses that differ in numbers only need texts as good as equal: a counter, and not the next page of a list. */
const ALL_BUT_EQUAL = 0.95

const VOLATILE_PARAMETER =
  /^(_|t|ts|time|timestamp|nonce|token|csrf.*|sid|session.*|form_key|cache.*|rand.*|utm_.*)$/i
/** UUIDs, long hexadecimal words, times in seconds or milliseconds. */
const VOLATILE_VALUE =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b(?=[a-f]*\d)[0-9a-f]{16,}\b|\d{9,}/gi

/** Words of times and dates; numbers are dropped anyway. */
const TIME_WORDS = new Set(
  (
    'am pm ago now just seconds second sec secs minutes minute min mins hours hour days day weeks week today yesterday ' +
    'monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun ' +
    'january february march april may june july august september october november december ' +
    'jan feb mar apr jun jul aug sep sept oct nov dec utc gmt'
  ).split(' '),
)

/** Site, path and query without session ids and times; the embedded sites are the same wherever they are served. */
export function addressOf(url: string): string {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    return url
  }
  const site = parsed.host === '' ? parsed.protocol : (siteAt(url) ?? parsed.host)
  const query = [...parsed.searchParams]
    .filter(([name]) => !VOLATILE_PARAMETER.test(name))
    .map(([name, value]) => `${name}=${value.replace(VOLATILE_VALUE, '*')}`)
    .sort()
    .join('&')
  const path = parsed.pathname.replace(VOLATILE_VALUE, '*').replace(/\/+$/, '')
  // Single-page applications keep their pages behind "#/".
  const route = /^#!?\//.test(parsed.hash) ? parsed.hash : ''
  return `${site}${path}${query ? `?${query}` : ''}${route}`
}

export function signatureOf(page: { url: string; pageText: string }): PageSignature {
  const address = addressOf(page.url)
  const controls: string[] = []
  for (const [, html, axtree] of page.pageText.matchAll(CONTROL)) controls.push(html ?? axtree ?? '')
  return {
    address,
    place: address.replace(/\d+/g, '#'),
    words: bagOf(page.pageText),
    controls: bagOf(controls.join(' ')),
  }
}

/** Text of `<a>`, `<button>` and fields, and of such nodes in an accessibility tree. */
const CONTROL =
  /<(?:a|button|input|select|option|textarea)\b[^>]*>([^<]*)|\[\d+\] (?:link|button|textbox|combobox|checkbox|radio|menuitem|tab) '([^'\n]*)'/g

function bagOf(text: string): Bag {
  const counts = new Map<string, number>()
  let size = 0
  for (const [word] of text.toLowerCase().matchAll(/\p{L}+/gu)) {
    if (TIME_WORDS.has(word)) continue
    counts.set(word, (counts.get(word) ?? 0) + 1)
    size++
  }
  return { counts, size }
}

/**
 * Share of common words, each as often as both have it (Jaccard's index of two bags), in [0, 1]: of the whole text, or
 * of the controls alone where these have more in common.
 */
export function similarity(a: PageSignature, b: PageSignature): number {
  const whole = jaccard(a.words, b.words)
  return a.controls.size > 0 && b.controls.size > 0 ? Math.max(whole, jaccard(a.controls, b.controls)) : whole
}

function jaccard(a: Bag, b: Bag): number {
  if (a.size === 0 && b.size === 0) return 1
  let common = 0
  for (const [word, count] of a.counts) common += Math.min(count, b.counts.get(word) ?? 0)
  return common / (a.size + b.size - common)
}

export function samePage(a: PageSignature, b: PageSignature, threshold: number): boolean {
  if (a.address === b.address) return similarity(a, b) >= threshold
  return a.place === b.place && jaccard(a.words, b.words) >= ALL_BUT_EQUAL
}

/** A number per page, equal for pages that are the same; from 0 in the order of first sight. */
export function stateIds(pages: readonly PageSignature[], threshold: number): number[] {
  const states: { first: PageSignature; last: PageSignature }[] = []
  return pages.map((page) => {
    const known = states.findIndex(
      ({ first, last }) => samePage(page, last, threshold) || samePage(page, first, threshold),
    )
    if (known < 0) return states.push({ first: page, last: page }) - 1
    ;(states[known] as { last: PageSignature }).last = page
    return known
  })
}
