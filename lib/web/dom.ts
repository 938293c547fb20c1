/**
 * A parsed page for reading: which nodes a person would see, which they could act on, and what those are called.
 * Works on static HTML; knows nothing of requests or of what has been typed.
 */
import { type ChildNode, type Document, type Element, isTag, isText } from 'domhandler'
import { parse } from 'parse5'
import { adapter } from 'parse5-htmlparser2-tree-adapter'
import type { ElementKind } from './observation.ts'

export function parseHtml(html: string): Document {
  return parse(html, { treeAdapter: adapter })
}

export const fold = (text: string): string => text.replace(/\s+/g, ' ').trim()

const UNSEEN = new Set(['head', 'script', 'style', 'template', 'noscript', 'datalist'])

export function isHidden(element: Element): boolean {
  const { attribs } = element
  return (
    UNSEEN.has(element.name) ||
    'hidden' in attribs ||
    attribs['aria-hidden'] === 'true' ||
    (element.name === 'input' && attribs.type?.toLowerCase() === 'hidden') ||
    (attribs.style !== undefined && /display\s*:\s*none|visibility\s*:\s*hidden/i.test(attribs.style))
  )
}

const BUTTON_TYPES = new Set(['submit', 'button', 'reset', 'image'])

export function inputType(element: Element): string {
  return (element.attribs.type ?? 'text').toLowerCase()
}

/** What can be acted on, and as what; undefined for everything else and for disabled controls. */
export function kindOf(element: Element): ElementKind | undefined {
  const { name, attribs } = element
  if ('disabled' in attribs) return undefined
  if (name === 'a') return 'href' in attribs ? 'link' : undefined
  if (name === 'button') return 'button'
  if (name === 'select') return 'select'
  if (name === 'textarea') return 'textbox'
  if (name === 'summary') return 'other'
  if (name !== 'input') return undefined
  const type = inputType(element)
  if (type === 'hidden') return undefined
  if (type === 'checkbox' || type === 'radio') return type
  return BUTTON_TYPES.has(type) ? 'button' : 'textbox'
}

/** Visible text below a node, controls left out; not folded. */
export function textBelow(nodes: readonly ChildNode[], skipControls = false): string {
  let text = ''
  for (const node of nodes) {
    if (isText(node)) text += node.data
    else if (isTag(node) && !isHidden(node) && !(skipControls && kindOf(node))) {
      text += ` ${textBelow(node.children, skipControls)} `
    }
  }
  return text
}

export function ancestor(element: Element, name: string): Element | undefined {
  for (let node = element.parent; node; node = node.parent) {
    if (isTag(node) && node.name === name) return node
  }
  return undefined
}

/** Labels by the id they are for; made once per page. */
export type LabelIndex = ReadonlyMap<string, string>

/**
 * Accessible name, by the first of these that is not empty: aria-label, label, own text (links and buttons),
 * value of a button, placeholder, title, alternative text, and for controls their field name.
 */
export function accessibleName(element: Element, labels: LabelIndex): string {
  const { attribs, name } = element
  const candidates: (() => string | undefined)[] = [() => attribs['aria-label']]
  if (name === 'a' || name === 'button' || name === 'summary') {
    candidates.push(
      () => textBelow(element.children),
      () => imageText(element),
    )
  } else {
    const isButton = kindOf(element) === 'button'
    candidates.push(
      () => labels.get(attribs.id ?? ''),
      () => {
        const label = ancestor(element, 'label')
        return label && textBelow(label.children, true)
      },
      () => (isButton ? (attribs.value ?? inputType(element)) : undefined),
      () => attribs.placeholder,
      () => attribs.title,
      () => attribs.name,
    )
  }
  candidates.push(() => attribs.title)
  for (const candidate of candidates) {
    const text = fold(candidate() ?? '')
    if (text !== '') return text
  }
  return ''
}

function imageText(element: Element): string {
  return element.children
    .filter((child): child is Element => isTag(child) && child.name === 'img')
    .map((image) => image.attribs.alt ?? '')
    .join(' ')
}
