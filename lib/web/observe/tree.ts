/**
 * A captured page as the tree that lib/web/simplify.ts reads: what is not seen is marked hidden, frames and shadow
 * trees stand where they show, and every element keeps the handle of its live node.
 */
import { Document, Element, Text } from 'domhandler'
import { getElementsByTagName } from 'domutils'
import type { Box, Point } from '../chromium/view.ts'
import { type ControlState, optionOf } from '../controls.ts'
import { fold, kindOf, STAGES, textBelow } from '../dom.ts'
import type { ElementKind } from '../observation.ts'
import { type Captured, contentCorner, refusal } from './capture.ts'
import type { NodeHandle } from './live.ts'
import { DocumentNodes } from './nodes.ts'

/** What is known of an element beyond its attributes. */
interface Facts {
  handle: NodeHandle
  box: Box | undefined
  /** Layout of its own or of something inside it. */
  rendered: boolean
  /** Something of it or inside it can be seen. */
  seen: boolean
  /** visibility and opacity let it be seen. */
  visible: boolean
  listens: boolean
  pointer: boolean
  /** Is or holds something that can be acted on. */
  acts: boolean
  value: string | undefined
  checked: boolean
  selected: boolean
}

export interface LivePage {
  url: string
  title: string
  document: Document
  controls: ControlState
  kind(element: Element): ElementKind | undefined
  handle(element: Element): NodeHandle
  /** In the page's viewport; undefined without layout. */
  box(element: Element): Box | undefined
}

/** Deeper elements are hung on the last one that is not, so that readers may recurse. */
const MAX_DEPTH = 400

/** Read through their state or not at all; what is in them is not laid out as text. */
const OPAQUE = new Set(['select', 'optgroup', 'option', 'textarea'])

/** Drawn by themselves although they hold no text. */
const TRANSPARENT_CONTROLS = new Set(['checkbox', 'radio', 'file'])

interface Pending {
  node: number
  parent: Document | Element
  /** Where elements go that are too deep for their parent. */
  holder: Document | Element
  depth: number
  /** Inside a select or the like: kept as it is. */
  opaque: boolean
  /** Cut away or see-through ancestors. */
  clipped: boolean
  faint: boolean
  /** The closest element's visibility. */
  visible: boolean
}

export async function buildTree(captured: Captured, allows: Allows): Promise<LivePage> {
  const facts = new Map<Element, Facts>()
  const document = new Document([])
  const root = new DocumentNodes(captured.snapshot, 0)
  await grow(
    { captured, index: 0, nodes: root, corner: { x: 0, y: 0 }, into: document, depth: 0 },
    facts,
    allows,
  )
  const heuristic = summarise(facts)
  return {
    url: root.url,
    title: fold(root.title),
    document,
    controls: liveControls(facts),
    kind(element) {
      const known = facts.get(element)
      if (known && !known.visible) return undefined
      return kindOf(element) ?? heuristic.get(element)
    },
    handle: (element) => (facts.get(element) as Facts).handle,
    box: (element) => facts.get(element)?.box,
  }
}

interface Part {
  captured: Captured
  index: number
  nodes: DocumentNodes
  /** Where the document's viewport begins in the page's. */
  corner: Point
  into: Document | Element
  depth: number
}

async function grow(first: Part, facts: Map<Element, Facts>, allows: Allows): Promise<void> {
  const parts = [first]
  for (let part = parts.pop(); part; part = parts.pop()) {
    for (const frame of growDocument(part, facts)) {
      const content = await frameContent(part, frame.node, allows)
      if (typeof content === 'string') addText(frame.element, `(${content})`)
      else if (content) parts.push({ ...content, into: frame.element, depth: frame.depth })
    }
  }
}

/** Whether a frame with this address may be shown. */
type Allows = (url: string) => boolean

type Content = Pick<Part, 'captured' | 'index' | 'nodes' | 'corner'>

/** The document a frame element shows; a string says why it is not shown. */
async function frameContent(part: Part, node: number, allows: Allows): Promise<Content | string | undefined> {
  const { captured, nodes } = part
  const backendNodeId = nodes.backendNodeId(node)
  const index = nodes.frame(node)
  if (index !== undefined) {
    const inner = new DocumentNodes(captured.snapshot, index)
    // about: and the like have no origin of their own and belong to the page.
    if (/^https?:/.test(inner.url) && !allows(inner.url)) return refusal(inner.url)
    const corner = (await contentCorner(captured.session, backendNodeId)) ?? part.corner
    return { captured, index, nodes: inner, corner }
  }
  const other = captured.frames.get(backendNodeId)
  if (other === undefined || typeof other === 'string') return other
  const corner = (await other.session.offset()) ?? part.corner
  return { captured: other, index: 0, nodes: new DocumentNodes(other.snapshot, 0), corner }
}

function addText(parent: Document | Element, data: string): void {
  const text = new Text(data)
  text.parent = parent
  parent.children.push(text)
}

/** Appends one document's nodes; returns the frame elements met. */
function growDocument(part: Part, facts: Map<Element, Facts>) {
  const { nodes, captured } = part
  const frames: { node: number; element: Element; depth: number }[] = []
  const { scroll, frameId } = nodes
  const open: Pending[] = []
  const push = (children: readonly number[], from: Omit<Pending, 'node'>) => {
    for (let i = children.length - 1; i >= 0; i--) open.push({ ...from, node: children[i] as number })
  }
  const start = { opaque: false, clipped: false, faint: false, visible: true }
  push(nodes.children(0), { ...start, parent: part.into, holder: part.into, depth: part.depth })
  for (let at = open.pop(); at; at = open.pop()) {
    const { node, parent } = at
    const type = nodes.type(node)
    if (type === 3) {
      const data = nodes.text(node)
      // Space is kept without layout: it separates names.
      const shown = at.opaque || data.trim() === '' || (nodes.rendered(node) && at.visible && !at.clipped)
      if (shown) addText(parent, data)
      continue
    }
    if (type !== 1) continue
    const name = nodes.name(node)
    if (name.startsWith('::') || name === '') continue
    if (name === 'slot') {
      // A place in a shadow tree, which shows what it was given.
      push(nodes.children(node), at)
      continue
    }
    const bounds = nodes.bounds(node)
    const faint = at.faint || nodes.style(node, 'opacity') === '0'
    const attributes = nodes.attributes(node)
    const clipped = at.clipped || cutAway(nodes, node, bounds)
    const through = faint && !(name === 'input' && TRANSPARENT_CONTROLS.has(attributes.type ?? ''))
    const visibility = nodes.style(node, 'visibility')
    const visible = (visibility === '' ? at.visible && !at.faint : visibility === 'visible') && !through
    const element = new Element(name, attributes, [])
    const into = at.depth > MAX_DEPTH ? at.holder : parent
    element.parent = into
    into.children.push(element)
    facts.set(element, {
      handle: { session: captured.session, frameId, backendNodeId: nodes.backendNodeId(node) },
      box: bounds && {
        ...bounds,
        x: bounds.x - scroll.x + part.corner.x,
        y: bounds.y - scroll.y + part.corner.y,
      },
      rendered: bounds !== undefined,
      seen: visible && !clipped && bounds !== undefined && bounds.width * bounds.height > 0,
      visible: visible && !clipped,
      listens: nodes.clickable(node),
      pointer: nodes.style(node, 'cursor') === 'pointer',
      acts: false,
      value: nodes.value(node),
      checked: nodes.checked(node),
      selected: nodes.selected(node),
    })
    if (name === 'iframe' || name === 'frame') {
      if (bounds) frames.push({ node, element, depth: at.depth + 1 })
      continue
    }
    push(nodes.children(node), {
      parent: element,
      holder: at.depth > MAX_DEPTH ? at.holder : element,
      depth: at.depth + 1,
      opaque: at.opaque || OPAQUE.has(name),
      clipped,
      faint,
      visible,
    })
  }
  return frames
}

/** Whether nothing inside can be reached: a collapsed box that hides its overflow, or one placed off the page. */
function cutAway(nodes: DocumentNodes, node: number, bounds: Box | undefined): boolean {
  if (!bounds) return false
  const hides = (axis: 'overflow-x' | 'overflow-y') => !['visible', ''].includes(nodes.style(node, axis))
  if ((bounds.width === 0 && hides('overflow-x')) || (bounds.height === 0 && hides('overflow-y'))) return true
  const placed = ['absolute', 'fixed'].includes(nodes.style(node, 'position'))
  const { scroll } = nodes
  const origin = nodes.style(node, 'position') === 'fixed' ? scroll : { x: 0, y: 0 }
  return placed && (bounds.x + bounds.width <= origin.x || bounds.y + bounds.height <= origin.y)
}

/**
 * Tells parents what is inside them, marks what is not seen, and finds elements that only a script made actionable:
 * listeners and hand cursors count on the innermost such element outside every real control.
 */
function summarise(facts: Map<Element, Facts>): Map<Element, ElementKind> {
  const heuristic = new Map<Element, ElementKind>()
  // Parents come before their children, so backwards every child is done before its parent.
  const elements = [...facts.keys()]
  for (let i = elements.length - 1; i >= 0; i--) {
    const element = elements[i] as Element
    const known = facts.get(element) as Facts
    const { attribs } = element
    known.seen ||=
      known.visible && element.children.some((child) => child instanceof Text && child.data.trim() !== '')
    // The stylesheet decides, not these attributes.
    delete attribs.style
    delete attribs.hidden
    if (!known.seen && !OPAQUE.has(element.name)) attribs.hidden = ''
    if (!known.rendered) attribs.hidden = ''
    if (known.seen && known.visible && !STAGES.has(element.name) && !OPAQUE.has(element.name)) {
      const native = kindOf(element) !== undefined
      if (
        !native &&
        !known.acts &&
        !('disabled' in attribs) &&
        (known.listens || startsPointer(element, facts))
      )
        heuristic.set(element, 'other')
      known.acts ||= native || heuristic.has(element)
    }
    const parent = element.parent
    const above = parent instanceof Element ? facts.get(parent) : undefined
    if (above) {
      above.rendered ||= known.rendered
      above.seen ||= known.seen && known.rendered
      above.acts ||= known.acts
    }
  }
  for (const element of insideControls(elements)) heuristic.delete(element)
  return heuristic
}

/** A hand cursor is inherited; it means the element it begins at. */
function startsPointer(element: Element, facts: ReadonlyMap<Element, Facts>): boolean {
  const parent = element.parent
  const above = parent instanceof Element ? facts.get(parent) : undefined
  return facts.get(element)?.pointer === true && above?.pointer !== true
}

function insideControls(elements: readonly Element[]): Set<Element> {
  const inside = new Set<Element>()
  for (const element of elements) {
    const parent = element.parent
    if (parent instanceof Element && (inside.has(parent) || kindOf(parent) !== undefined)) inside.add(element)
  }
  return inside
}

function liveControls(facts: ReadonlyMap<Element, Facts>): ControlState {
  return {
    value(element) {
      if (element.name === 'select') {
        const chosen = getElementsByTagName('option', element).find((option) => facts.get(option)?.selected)
        return chosen ? optionOf(chosen).value : ''
      }
      return facts.get(element)?.value ?? textBelow(element.children)
    },
    checked: (element) => facts.get(element)?.checked === true || element.attribs['aria-checked'] === 'true',
  }
}
