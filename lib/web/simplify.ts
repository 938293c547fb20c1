/**
 * Simplified HTML: a page as one line of text plus the list of elements it offers.
 * id: WebRL's clean dialect, `<a id="7"> Orders </a>`, wrappers kept where they group. name: the compact dialect
 * of the embedded policy, `<a>Orders</a><b>55</b>`, only tags that carry meaning, nothing between them.
 */
import { type ChildNode, type Document, type Element, isTag, isText } from 'domhandler'
import { getElementsByTagName } from 'domutils'
import { type ControlState, optionsOf } from './controls.ts'
import { accessibleName, fold, inputType, isHidden, kindOf as staticKind, textBelow } from './dom.ts'
import type { Addressing, ElementKind, ObservedElement } from './observation.ts'

export interface Simplified {
  text: string
  elements: ObservedElement[]
  /** The node behind elements[i], same order. */
  nodes: Element[]
}

/** Tags the compact dialect prints although they cannot be acted on. */
const MEANINGFUL = new Set(['h1', 'b', 'iframe'])

/** Printed by themselves; links, buttons and elements made actionable print what is inside them. */
const CONTROLS = new Set(['input', 'select', 'textarea'])

/** `kindOf` says what can be acted on; a driver that knows more than the markup passes its own. */
export function simplify(
  document: Document,
  controls: ControlState,
  addressing: Addressing,
  kindOf: (element: Element) => ElementKind | undefined = staticKind,
): Simplified {
  const labels = new Map(
    getElementsByTagName('label', document)
      .filter((label) => label.attribs.for)
      .map((label) => [label.attribs.for as string, fold(textBelow(label.children, true))]),
  )
  const elements: ObservedElement[] = []
  const nodes: Element[] = []
  const names = addressing === 'name'

  const observe = (node: Element, kind: ObservedElement['kind']): ObservedElement => {
    const seen: ObservedElement = {
      id: elements.length,
      kind,
      tag: node.name,
      name: accessibleName(node, labels),
    }
    if (kind === 'textbox') seen.value = controls.value(node)
    if (kind === 'checkbox' || kind === 'radio') seen.checked = controls.checked(node)
    if (kind === 'select') {
      const options = optionsOf(node)
      const value = controls.value(node)
      seen.options = options.map((option) => option.text)
      seen.value = options.find((option) => option.value === value)?.text ?? value
    }
    elements.push(seen)
    nodes.push(node)
    return seen
  }

  /** Printed pieces of the children, in document order. */
  const below = (children: readonly ChildNode[], inLabel: boolean): string[] => {
    const out: string[] = []
    for (const child of children) {
      if (isText(child)) {
        const text = fold(child.data)
        // In the compact dialect a label's text is the name of its control and not printed twice.
        if (text !== '' && !(names && inLabel)) out.push(text)
      } else if (isTag(child) && !isHidden(child)) out.push(...print(child, inLabel))
    }
    return out
  }

  const print = (node: Element, inLabel: boolean): string[] => {
    const kind = kindOf(node)
    if (kind) {
      const seen = observe(node, kind)
      return [names ? compactElement(seen, node) : idElement(seen, node, below)]
    }
    if (node.name === 'select' || node.name === 'option') return []
    const labelled = node.name === 'label' && (node.attribs.for !== undefined || holdsControl(node))
    const pieces = below(node.children, inLabel || labelled)
    if (names) {
      return MEANINGFUL.has(node.name) && pieces.length > 0
        ? [`<${node.name}>${joinCompact(pieces)}</${node.name}>`]
        : pieces
    }
    if (pieces.length === 0)
      return node.name === 'img' && node.attribs.alt ? [`<img> ${fold(node.attribs.alt)} </img>`] : []
    if (node.name === 'iframe') return [`<iframe> ${pieces.join(' ')} </iframe>`]
    const hasText = node.children.some((child) => isText(child) && child.data.trim() !== '')
    return hasText || pieces.length > 1 ? [`<${node.name}> ${pieces.join(' ')} </${node.name}>`] : pieces
  }

  const pieces = below(document.children, false)
  return { text: names ? joinCompact(pieces) : pieces.join(' '), elements, nodes }
}

function holdsControl(label: Element): boolean {
  return label.children.some(
    (child) => isTag(child) && (staticKind(child) !== undefined || holdsControl(child)),
  )
}

/** Joined without a space, except between two texts. */
function joinCompact(pieces: readonly string[]): string {
  let out = ''
  for (const piece of pieces) {
    const gap = out !== '' && !out.endsWith('>') && !piece.startsWith('<')
    out += gap ? ` ${piece}` : piece
  }
  return out
}

function compactElement(seen: ObservedElement, node: Element): string {
  switch (seen.kind) {
    case 'textbox':
      return seen.value
        ? `<input value="${fold(seen.value)}">${seen.name}</input>`
        : `<input>${seen.name}</input>`
    case 'checkbox':
    case 'radio':
      return `<input type="${seen.kind}"${seen.checked ? ' checked' : ''}>${seen.name}</input>`
    case 'select': {
      const options = (seen.options ?? []).map((text) =>
        text === seen.value ? `<option selected>${text}</option>` : `<option>${text}</option>`,
      )
      return `<select>${seen.name}${options.join('')}</select>`
    }
    case 'button':
      return `<button>${seen.name}</button>`
    default:
      return `<${node.name}>${seen.name}</${node.name}>`
  }
}

type Below = (children: readonly ChildNode[], inLabel: boolean) => string[]

function idElement(seen: ObservedElement, node: Element, below: Below): string {
  const attributes = [`id="${seen.id}"`]
  const visible = CONTROLS.has(node.name) ? [] : below(node.children, false)
  if (visible.length === 0 && node.attribs['aria-label'])
    attributes.push(`aria-label="${fold(node.attribs['aria-label'])}"`)
  if (node.name === 'input') {
    const value = seen.kind === 'textbox' ? (seen.value ?? '') : (node.attribs.value ?? '')
    if (value !== '' && (seen.kind === 'textbox' || seen.kind === 'button'))
      attributes.push(`value="${fold(value)}"`)
    if (inputType(node) !== 'text') attributes.push(`type="${inputType(node)}"`)
  }
  if (node.attribs.placeholder) attributes.push(`placeholder="${fold(node.attribs.placeholder)}"`)
  if (seen.checked) attributes.push('checked="true"')
  if (seen.kind === 'textbox' && node.name === 'textarea' && seen.value) visible.push(fold(seen.value))
  for (const text of seen.options ?? []) {
    visible.push(
      text === seen.value ? `<option selected="true"> ${text} </option>` : `<option> ${text} </option>`,
    )
  }
  const open = `<${node.name} ${attributes.join(' ')}>`
  return visible.length > 0 ? `${open} ${visible.join(' ')} </${node.name}>` : `${open} </${node.name}>`
}
