/**
 * Marked HTML as VisualAgentBench's one line of text: which elements are printed, with which attributes, and which
 * only pass on what is inside them. Behaviour: VAB-WebArena-Lite/new/html_tools/html_parser.py.
 */
import { type LxmlElement, parseAsLxml } from './html.ts'

export interface VabTextOptions {
  /** CSS pixels of the viewport. */
  width: number
  height: number
  /**
   * Reads text as the published parser does where the page names no charset: UTF-8 taken for Latin-1, so that
   * everything beyond ASCII is garbled. Default true, as the dialect is the published one; false: text is what the
   * page says.
   */
  latin1?: boolean
}

/** Printed in this order. */
const KEPT = [
  'title',
  'value',
  'type',
  'placeholder',
  'selected',
  'data-value',
  'data-text',
  'data-testid',
  'data-label',
  'data-bbox',
  'data-status',
]

/** Code points of one text or attribute. */
const MAX_TEXT = 500

/** Deeper elements are not read; the published parser fails there. */
const MAX_DEPTH = 900

// What Python's str.strip and \s take for space; JavaScript's own classes differ at the edges.
const SPACE = '\\t\\n\\v\\f\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const SPACES = new RegExp(`[${SPACE}]+`, 'g')
const EDGES = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, 'g')

const trimmed = (text: string): string => {
  const bare = text.replace(EDGES, '')
  return bare.length <= MAX_TEXT ? bare : Array.from(bare).slice(0, MAX_TEXT).join('')
}

export function vabText(html: string, { width, height, latin1 = true }: VabTextOptions): string {
  const clean = html
    .replace(/<!--[\W\w]*?-->/g, '')
    .replace(/<style[\W\w]*?>[\W\w]*?<\/style>/g, '')
    .replace(/<script[\W\w]*?>[\W\w]*?<\/script>/g, '')
    .replace(SPACES, ' ')
    .replace(EDGES, '')
  const root = parseAsLxml(latin1 && !declaresCharset(clean) ? asLatin1(clean) : clean)
  return print(root, { width, height }, false, 0).text
}

/** A charset is only known once it was read, so one that comes after the first such character is too late. */
function declaresCharset(html: string): boolean {
  const declared = html.search(/<meta[^>]*\scharset\s*=|<meta[^>]*charset=/i)
  const first = Array.from(html).findIndex((point) => (point.codePointAt(0) as number) > 127)
  return declared >= 0 && (first < 0 || declared < first)
}

const asLatin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

interface Printed {
  text: string
  /** Something in it can be read or clicked, printed or not. */
  counts: boolean
}

function print(
  node: LxmlElement,
  view: { width: number; height: number },
  inSelect: boolean,
  depth: number,
): Printed {
  const label = node.attributes.get('data-label-id') ?? ''
  const visible = isVisible(node, view)
  const kept = visible || label !== '' || (inSelect && node.tag === 'option')
  const text = trimmed(node.text)
  const attributes = keptAttributes(node)
  const says = text !== '' || attributes.some(([name]) => name !== 'data-bbox')
  const children = depth < MAX_DEPTH ? node.children : []
  const inside = children.map((child) => print(child, view, kept && node.tag === 'select', depth + 1))
  const below = inside.map((child) => child.text).filter((part) => part !== '')
  const counting = inside.filter((child) => child.counts).length
  const counts = counting > 0 || says
  if (!kept || !((label !== '' && visible) || says || counting > 1)) return { text: below.join(' '), counts }
  const seen = new Set<string>()
  const head = [node.tag]
  if (label !== '') head.push(`id="${label}"`)
  for (const [name, value] of attributes) {
    if (!seen.has(value)) head.push(`${name}="${value}"`)
    seen.add(value)
  }
  const body = text === '' ? below : [text, ...below]
  return { text: `<${head.join(' ')}> ${[...body, `</${node.tag}>`].join(' ')}`, counts }
}

function keptAttributes({ attributes }: LxmlElement): [string, string][] {
  const out: [string, string][] = []
  for (const name of KEPT) {
    const raw = attributes.get(name)
    if (raw === undefined || (name === 'type' && raw === 'hidden')) continue
    const value = trimmed(raw)
    if (value !== '') out.push([name, value])
  }
  return out
}

/** The box touches the viewport, edges included; whatever hides an element otherwise does not count. */
function isVisible(node: LxmlElement, { width, height }: { width: number; height: number }): boolean {
  if (node.attributes.get('aria-hidden') === 'true') return false
  const box = boxOf(node.attributes.get('data-bbox'))
  if (!box) return false
  return !(box.x + box.width < 0 || box.x > width || box.y + box.height < 0 || box.y > height)
}

/** "left,top,width,height" */
export function boxOf(bbox: string | null | undefined) {
  const parts = (bbox ?? '').trim().split(',')
  const [x = Number.NaN, y = Number.NaN, width = Number.NaN, height = Number.NaN] = parts.map((part) =>
    part.trim() === '' ? Number.NaN : Number(part),
  )
  if (parts.length !== 4 || [x, y, width, height].some(Number.isNaN)) return undefined
  return { x, y, width, height }
}
