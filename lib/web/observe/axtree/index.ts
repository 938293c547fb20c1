/**
 * The axtree dialect: the browser's accessibility tree in WebArena's text form below a line of tabs, by default
 * only what lies in the viewport. Every printed id is a target.
 */
import type { CDPSession, Page } from 'playwright-core'
import type { Box, Observer, Target, View } from '../../chromium/view.ts'
import { fold } from '../../dom.ts'
import type { ElementKind, ObservedElement } from '../../observation.ts'
import { type Captured, capturePage, Sessions } from '../capture.ts'
import { nodeTarget } from '../live.ts'
import { capped, DEFAULTS, looking, type ObserverOptions, settle } from '../look.ts'
import { DocumentNodes } from '../nodes.ts'
import { type AxNode, axText } from './text.ts'

const TITLE_MS = 1_000

/** Share of a node's area that has to lie in the viewport. */
const MIN_IN_VIEW = 0.6

export function axtreeObserver(options: Partial<ObserverOptions> = {}): Observer {
  const { deadlineMs, maxText, viewportOnly } = { ...DEFAULTS, ...options }
  const sessions = new Sessions()
  return {
    look: (page) =>
      looking(page, deadlineMs, async (): Promise<View> => {
        const cdp = await sessions.page(page)
        const captured = await capturePage(page, sessions, { allows: () => false, frameMs: 0 })
        const { nodes, root } = await fullTree(cdp)
        const places = placesOf(captured)
        const kept = viewportOnly ? inViewport(nodes, root, places, await viewportOf(cdp)) : nodes
        const { text, printed } = axText(kept, root)
        const tabs = await tabLine(page)
        const frameId = new DocumentNodes(captured.snapshot, 0).frameId
        const elements = printed.filter(({ role }) => role in KINDS).map(observed)
        const byId = new Map(printed.map((node) => [node.id, node]))
        return {
          observation: {
            url: page.url(),
            title: fold(await page.title()),
            text: capped(`${tabs}\n\n${text}`, maxText),
            elements,
            addressing: 'id',
          },
          async target(reference): Promise<Target | { error: string }> {
            const node = byId.get(reference.trim())
            if (!node?.backendNodeId)
              return { error: `there is no element with id ${reference} on this page` }
            const { backendNodeId } = node
            const place = places.get(backendNodeId)
            const at = (id: number) => ({
              session: captured.session,
              frameId: place?.frameId ?? frameId,
              backendNodeId: id,
            })
            const owner = at(place?.owner ?? backendNodeId)
            return nodeTarget(observed(node), at(backendNodeId), place?.box, owner)
          },
        }
      }),
  }
}

async function fullTree(cdp: CDPSession): Promise<{ nodes: Map<string, AxNode>; root: string }> {
  const { nodes } = await cdp.send('Accessibility.getFullAXTree')
  const tree = new Map<string, AxNode>()
  for (const node of nodes) {
    tree.set(node.nodeId, {
      id: node.nodeId,
      role: String(node.role?.value ?? ''),
      name: node.ignored || node.name === undefined ? undefined : String(node.name.value ?? ''),
      properties: (node.properties ?? []).flatMap(({ name, value }) =>
        value.value === undefined || typeof value.value === 'object' ? [] : [{ name, value: value.value }],
      ),
      children: node.childIds ?? [],
      backendNodeId: node.backendDOMNodeId ?? 0,
    })
  }
  const root = nodes[0]?.nodeId
  if (root === undefined) throw new Error('the browser gave no accessibility tree')
  return { nodes: tree, root }
}

/** Where a rendered node is. */
interface Place {
  /** In the viewport. */
  box: Box
  frameId: string
  /** Backend id of the element a text stands in, else the node's own. */
  owner: number
}

function placesOf({ snapshot }: Captured): Map<number, Place> {
  const places = new Map<number, Place>()
  for (const [index, document] of snapshot.documents.entries()) {
    const nodes = new DocumentNodes(snapshot, index)
    const { frameId, scroll } = nodes
    for (const node of document.layout.nodeIndex) {
      const box = nodes.bounds(node)
      if (!box) continue
      places.set(nodes.backendNodeId(node), {
        box: { ...box, x: box.x - scroll.x, y: box.y - scroll.y },
        frameId,
        owner: nodes.backendNodeId(nodes.elementOf(node)),
      })
    }
  }
  return places
}

async function viewportOf(cdp: CDPSession): Promise<{ width: number; height: number }> {
  const { cssLayoutViewport } = await cdp.send('Page.getLayoutMetrics')
  return { width: cssLayoutViewport.clientWidth, height: cssLayoutViewport.clientHeight }
}

/**
 * Takes out what is not in view; children of such a node stay, at its place. The text a control draws for its value
 * is where the control is.
 */
function inViewport(
  nodes: ReadonlyMap<string, AxNode>,
  root: string,
  places: ReadonlyMap<number, Place>,
  view: { width: number; height: number },
): Map<string, AxNode> {
  const shown = (box: Box | undefined): boolean => {
    if (!box || box.width <= 0 || box.height <= 0) return false
    const width = Math.min(view.width, box.x + box.width) - Math.max(0, box.x)
    const height = Math.min(view.height, box.y + box.height) - Math.max(0, box.y)
    return (Math.max(0, width) * Math.max(0, height)) / (box.width * box.height) >= MIN_IN_VIEW
  }
  const fields = new Map<string, AxNode>()
  for (const field of nodes.values()) {
    if (KINDS[field.role] !== 'textbox') continue
    const inside = [...field.children]
    for (let id = inside.pop(); id !== undefined; id = inside.pop()) {
      if (fields.has(id)) continue
      fields.set(id, field)
      inside.push(...(nodes.get(id)?.children ?? []))
    }
  }
  const kept = new Map<string, AxNode>()
  for (const [id, node] of nodes) {
    const placed = places.has(node.backendNodeId) ? node : (fields.get(id) ?? node)
    const visible = id === root || shown(places.get(placed.backendNodeId)?.box)
    kept.set(id, visible ? node : { ...node, name: undefined })
  }
  return kept
}

/** "Tab 0 (current): Title | Tab 1: Other"; a tab that does not answer has no title. */
async function tabLine(page: Page): Promise<string> {
  const pages = page.context().pages()
  const titles = await Promise.all(pages.map((tab) => settle('a title', tab.title(), TITLE_MS)))
  return pages
    .map((tab, i) => `Tab ${i}${tab === page ? ' (current)' : ''}: ${fold(titles[i] ?? '')}`)
    .join(' | ')
}

/** Roles that are listed as elements. */
const KINDS: Readonly<Record<string, ElementKind>> = {
  button: 'button',
  checkbox: 'checkbox',
  combobox: 'select',
  link: 'link',
  listbox: 'select',
  menuitem: 'other',
  menuitemcheckbox: 'checkbox',
  menuitemradio: 'radio',
  option: 'other',
  radio: 'radio',
  searchbox: 'textbox',
  slider: 'other',
  spinbutton: 'textbox',
  switch: 'checkbox',
  tab: 'other',
  textbox: 'textbox',
  treeitem: 'other',
}

function observed(node: AxNode): ObservedElement {
  const checked = node.properties.find(({ name }) => name === 'checked')?.value
  return {
    id: Number(node.id),
    kind: KINDS[node.role] ?? 'other',
    tag: node.role,
    name: fold(node.name ?? ''),
    ...(checked === undefined ? {} : { checked: checked === true || checked === 'true' }),
  }
}
