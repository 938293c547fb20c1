/**
 * Serialised HTML as lxml 6 reads it (libxml2 2.14, its HTML 4 rules for tags that close others), which is not how
 * a browser reads it. Input is a browser's outerHTML; only what differs on such input is reproduced.
 */
import { decodeHTML, decodeHTMLAttribute } from 'entities'

export interface LxmlElement {
  /** Lower case. */
  tag: string
  attributes: Map<string, string>
  /** Text before the first child. */
  text: string
  children: LxmlElement[]
}

const VOID = new Set('area base basefont br col frame hr img input isindex link meta param'.split(' '))

/** Content without markup; in the second set references are still replaced. */
const RAW = new Set('iframe noembed noframes plaintext script style xmp'.split(' '))
const REPLACEABLE = new Set(['textarea', 'title'])

const HEADINGS = 'h1 h2 h3 h4 h5 h6'

/** Start tag: the open elements it closes, one after the other from the innermost. Measured on libxml2 2.14.6. */
const CLOSES = new Map(
  Object.entries({
    a: 'a',
    address: 'p ul',
    blockquote: 'p',
    caption: 'p',
    center: 'b font i p',
    col: 'caption p',
    colgroup: 'caption colgroup p',
    dd: 'address dir dt listing menu p pre',
    dir: 'p',
    div: 'p',
    dl: 'address dir dt listing menu p pre',
    dt: 'address dd dir listing menu p pre',
    fieldset: `a ${HEADINGS} legend listing p pre`,
    form: `address dir dl form ${HEADINGS} listing menu ol p pre ul`,
    frameset: 'p',
    h1: 'p',
    h2: 'p',
    h3: 'p',
    h4: 'p',
    h5: 'p',
    h6: 'p',
    hr: 'p',
    li: `address dl ${HEADINGS} li listing p pre`,
    listing: 'p',
    menu: 'p ul',
    ol: 'p',
    optgroup: 'option',
    option: 'option',
    p: `b big ${HEADINGS} i p s small strike tt u`,
    pre: 'p ul',
    table: `a ${HEADINGS} listing p pre`,
    tbody: 'caption colgroup p tbody td tfoot th thead tr',
    td: 'a b font i p span td th u',
    tfoot: 'caption colgroup p tbody td th thead tr',
    th: 'a b font i p span td th u',
    thead: 'caption colgroup',
    title: 'p',
    tr: 'caption colgroup p td th tr',
    ul: 'address dir listing menu p pre',
    xmp: 'p',
  }).map(([tag, closed]) => [tag, new Set(closed.split(' '))] as const),
)

/** An end tag does not reach past an open element of higher rank. */
const RANK: Readonly<Record<string, number>> = {
  div: 150,
  td: 160,
  th: 160,
  tr: 170,
  thead: 180,
  tbody: 180,
  tfoot: 180,
  table: 190,
  head: 200,
  body: 200,
  html: 220,
}
const rank = (tag: string): number => (Object.hasOwn(RANK, tag) ? (RANK[tag] as number) : 100)

const START = /<([a-zA-Z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^>"'])*)>/y
const END = /<\/([a-zA-Z][^\s/>]*)[^>]*>/y
const BOGUS = /<[!?/][^>]*>/y
const ATTRIBUTE = /([^\s/=>"'][^\s/=>]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g

export function parseAsLxml(html: string): LxmlElement {
  const root = element('html', '')
  const open: LxmlElement[] = [root]
  const top = () => open[open.length - 1] as LxmlElement
  const text = (data: string) => {
    const node = top()
    if (node.children.length === 0) node.text += data
  }
  let begun = false
  let body: LxmlElement | undefined

  const start = (tag: string, attributes: string): void => {
    if (tag === 'html' || (tag === 'body' && body)) {
      // A second one only adds attributes that are not there yet.
      const target = tag === 'html' ? root : (body as LxmlElement)
      for (const [name, value] of attributesOf(attributes))
        if (!target.attributes.has(name)) target.attributes.set(name, value)
      begun = true
      return
    }
    if (tag === 'head' && open.length > 1) return
    if (open.length === 1 && tag !== 'head' && tag !== 'body' && tag !== 'frameset') {
      body ??= element('body', '')
      if (!root.children.includes(body)) root.children.push(body)
      open.push(body)
    }
    const closed = CLOSES.get(tag)
    while (open.length > 1 && closed?.has(top().tag)) open.pop()
    const node = element(tag, attributes)
    top().children.push(node)
    if (tag === 'body') body = node
    if (!VOID.has(tag)) open.push(node)
  }
  const end = (tag: string): void => {
    const at = open.findLastIndex((node) => node.tag === tag)
    if (at <= 0 || open.slice(at + 1).some((node) => rank(node.tag) > rank(tag))) return
    open.length = at
  }

  for (let at = 0; at < html.length; ) {
    const next = html.indexOf('<', at)
    if (next !== at) {
      text(decodeHTML(html.slice(at, next < 0 ? html.length : next)))
      if (next < 0) break
      at = next
    }
    const opened = match(START, html, at)
    const closed = opened ? null : match(END, html, at)
    if (opened) {
      const tag = (opened[1] as string).toLowerCase()
      at += opened[0].length
      start(tag, opened[2] as string)
      if (RAW.has(tag) || REPLACEABLE.has(tag)) {
        const stop = tag === 'plaintext' ? html.length : endOfRaw(html, tag, at)
        const data = html.slice(at, stop)
        text(REPLACEABLE.has(tag) ? decodeHTML(data) : data)
        at = stop
      }
    } else if (closed) {
      at += closed[0].length
      end((closed[1] as string).toLowerCase())
    } else {
      const bogus = match(BOGUS, html, at)
      if (!bogus) text('<')
      at += bogus ? bogus[0].length : 1
    }
  }
  return begun || root.children.length > 0 ? root : element('html', '')
}

function match(pattern: RegExp, html: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(html)
}

function endOfRaw(html: string, tag: string, from: number): number {
  const close = new RegExp(`</${tag}(?=[\\s/>])`, 'gi')
  close.lastIndex = from
  return close.exec(html)?.index ?? html.length
}

function element(tag: string, attributes: string): LxmlElement {
  return { tag, attributes: attributesOf(attributes), text: '', children: [] }
}

function attributesOf(source: string): Map<string, string> {
  const out = new Map<string, string>()
  for (const [, name = '', double, single, bare] of source.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase()
    if (!out.has(key)) out.set(key, decodeHTMLAttribute(double ?? single ?? bare ?? ''))
  }
  return out
}
