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

/** WAI-ARIA roles a user acts on, as the kind they act like. */
const ROLES: Readonly<Record<string, ElementKind>> = {
  button: 'button',
  link: 'link',
  checkbox: 'checkbox',
  switch: 'checkbox',
  menuitemcheckbox: 'checkbox',
  radio: 'radio',
  menuitemradio: 'radio',
  textbox: 'textbox',
  searchbox: 'textbox',
  combobox: 'other',
  menuitem: 'other',
  option: 'other',
  slider: 'other',
  spinbutton: 'other',
  tab: 'other',
  treeitem: 'other',
}

/** What can be acted on by its markup, and as what; undefined for everything else and for disabled controls. */
export function kindOf(element: Element): ElementKind | undefined {
  const { name, attribs } = element
  if ('disabled' in attribs) return undefined
  if (name === 'a' && 'href' in attribs) return 'link'
  if (name === 'button') return 'button'
  if (name === 'select') return 'select'
  if (name === 'textarea') return 'textbox'
  if (name === 'summary') return 'other'
  if (name === 'input') {
    const type = inputType(element)
    if (type === 'hidden') return undefined
    if (type === 'checkbox' || type === 'radio') return type
    return BUTTON_TYPES.has(type) ? 'button' : 'textbox'
  }
  if (attribs['aria-disabled'] === 'true' || name === 'option') return undefined
  const role = attribs.role?.trim().split(/\s+/)[0]?.toLowerCase() ?? ''
  if (Object.hasOwn(ROLES, role)) return ROLES[role]
  if (EDITABLE.has(attribs.contenteditable?.toLowerCase() ?? 'false')) return 'textbox'
  return 'onclick' in attribs && !STAGES.has(name) ? 'other' : undefined
}

const EDITABLE = new Set(['', 'true', 'plaintext-only'])

/** Listeners on these are there for what is inside them. */
export const STAGES: ReadonlySet<string> = new Set(['html', 'body', 'main', 'form', 'label', 'iframe'])

/** Form controls: named by what is around them, never by what is inside. */
const CONTROLS = new Set(['input', 'select', 'textarea'])

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
 * Accessible name, by the first of these that is not empty: aria-label; own text and alternative texts (all but
 * form controls), or label, value of a button, placeholder, title and field name (form controls); title.
 */
export function accessibleName(element: Element, labels: LabelIndex): string {
  const { attribs, name } = element
  const candidates: (() => string | undefined)[] = [() => attribs['aria-label']]
  if (!CONTROLS.has(name)) {
    candidates.push(
      () => textBelow(element.children),
      () => imageText(element.children),
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

/** What images below a node say of themselves, and titles of drawings. */
function imageText(nodes: readonly ChildNode[]): string {
  return nodes
    .filter(isTag)
    .map((node) =>
      node.name === 'img'
        ? (node.attribs.alt ?? '')
        : (node.attribs['aria-label'] ?? imageText(node.children)),
    )
    .join(' ')
}
