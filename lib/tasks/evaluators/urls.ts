/**
 * The address an episode ended on against a task's reference_url. Pure; one function per published rule
 * (URLExactEvaluator of VisualAgentBench, URLEvaluator of WebArena and BrowserGym).
 */
import { EvaluationError } from './contract.ts'
import { OR } from './text.ts'

export type UrlRule = (reference: string, url: string, note: string | undefined) => boolean

const unknown = (note: string, expected: string): EvaluationError =>
  new EvaluationError(`url_note: expected ${expected}, received "${note}"`, { upstream: 'ValueError' })

/**
 * vab: equal up to one trailing slash; with "GOLD in PRED" an alternative only has to occur in the address, letter by
 * letter. localhost and 127.0.0.1 are one.
 */
export const exactUrl: UrlRule = (reference, url, note = 'EXACT') => {
  const clean = (text: string) => text.replaceAll('localhost', '127.0.0.1').replace(/\/$/, '')
  const golds = reference.split(OR).map(clean)
  if (note === 'EXACT') return golds.includes(clean(url))
  if (note === 'GOLD in PRED') return golds.some((gold) => clean(url).includes(gold))
  throw unknown(note, '"EXACT" or "GOLD in PRED"')
}

/**
 * WebArena and BrowserGym: host and path of an alternative occur in the address, and of every query key that any
 * alternative names, the address has one of the values.
 */
export const basePathAndQuery: UrlRule = (reference, url, note = 'GOLD in PRED') => {
  if (note !== 'GOLD in PRED') throw unknown(note, '"GOLD in PRED"')
  const clean = (text: string) => text.replace(/\/+$/, '')
  const golds = reference.split(OR).map((one) => splitUrl(clean(one)))
  const seen = splitUrl(clean(url))
  if (!golds.some(({ base }) => seen.base.includes(base))) return false
  const wanted = new Map<string, string[]>()
  for (const { query } of golds) {
    for (const [key, values] of query) wanted.set(key, [...(wanted.get(key) ?? []), ...values])
  }
  return [...wanted].every(([key, values]) => values.some((value) => seen.query.get(key)?.includes(value)))
}

export interface UrlParts {
  scheme: string
  netloc: string
  path: string
  query: string
}

/** urllib.parse.urlparse without its normalisations: no lower-casing of hosts, no default path, no encoding. */
export function urlParse(url: string): UrlParts {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(url)?.[1] ?? ''
  const rest = scheme === '' ? url : url.slice(scheme.length + 1)
  const [, netloc = '', tail = ''] = /^(?:\/\/([^/?#]*))?(.*)$/s.exec(rest) ?? []
  const [beforeFragment = ''] = splitOnce(tail, '#')
  const [path = '', query = ''] = splitOnce(beforeFragment, '?')
  const file = path.lastIndexOf('/') + 1
  const parameters = path.indexOf(';', file)
  return {
    scheme: scheme.toLowerCase(),
    netloc,
    path: parameters < 0 ? path : path.slice(0, parameters),
    query,
  }
}

function splitUrl(url: string): { base: string; query: Map<string, string[]> } {
  const { netloc, path, query } = urlParse(url)
  const values = new Map<string, string[]>()
  // As parse_qs: "+" is a blank, bad escapes stay, keys without a value do not count.
  for (const [key, value] of new URLSearchParams(`&${query}`)) {
    if (value !== '') values.set(key, [...(values.get(key) ?? []), value])
  }
  return { base: netloc + path, query: values }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}
