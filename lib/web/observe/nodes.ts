/**
 * Reads one document of a captured snapshot: its nodes by number, in the tree the browser renders, where shadow
 * trees stand below their hosts and slots hold what was given to them. Layout and styles are there only where
 * something is rendered.
 */
import type { Box } from '../chromium/view.ts'
import { type Snapshot, type SnapshotDocument, STYLES } from './capture.ts'

type Style = (typeof STYLES)[number]

export class DocumentNodes {
  readonly frameId: string
  readonly #document: SnapshotDocument
  readonly #strings: readonly string[]
  readonly #children: number[][]
  readonly #layout = new Map<number, number>()
  readonly #clickable: ReadonlySet<number>
  readonly #checked: ReadonlySet<number>
  readonly #selected: ReadonlySet<number>
  readonly #inputs: Map<number, number>
  readonly #texts: Map<number, number>
  readonly #frames: Map<number, number>

  constructor(snapshot: Snapshot, index: number) {
    const document = snapshot.documents[index] as SnapshotDocument
    this.#document = document
    this.#strings = snapshot.strings
    const { nodes, layout } = document
    const parents = nodes.parentIndex ?? []
    this.#children = parents.map(() => [])
    for (const [i, parent] of parents.entries()) this.#children[parent]?.push(i)
    // An element split over several boxes has one entry for each; the first is its own.
    for (const [i, node] of layout.nodeIndex.entries()) if (!this.#layout.has(node)) this.#layout.set(node, i)
    this.#clickable = new Set(nodes.isClickable?.index)
    this.#checked = new Set(nodes.inputChecked?.index)
    this.#selected = new Set(nodes.optionSelected?.index)
    this.#inputs = rare(nodes.inputValue)
    this.#texts = rare(nodes.textValue)
    this.#frames = rare(nodes.contentDocumentIndex)
    this.frameId = this.string(document.frameId)
  }

  get url(): string {
    return this.string(this.#document.documentURL)
  }

  get title(): string {
    return this.string(this.#document.title)
  }

  get scroll(): { x: number; y: number } {
    return { x: this.#document.scrollOffsetX ?? 0, y: this.#document.scrollOffsetY ?? 0 }
  }

  string(index: number | undefined): string {
    return index === undefined || index < 0 ? '' : (this.#strings[index] ?? '')
  }

  type(node: number): number {
    return this.#document.nodes.nodeType?.[node] ?? 0
  }

  /** Lower case. */
  name(node: number): string {
    return this.string(this.#document.nodes.nodeName?.[node]).toLowerCase()
  }

  text(node: number): string {
    return this.string(this.#document.nodes.nodeValue?.[node])
  }

  backendNodeId(node: number): number {
    return this.#document.nodes.backendNodeId?.[node] ?? 0
  }

  /** The element a text stands in; the node itself where it is one. */
  elementOf(node: number): number {
    const parent = this.#document.nodes.parentIndex?.[node]
    return this.type(node) === 3 && parent !== undefined ? parent : node
  }

  attributes(node: number): Record<string, string> {
    const out: Record<string, string> = {}
    const pairs = this.#document.nodes.attributes?.[node] ?? []
    for (let i = 0; i + 1 < pairs.length; i += 2) out[this.string(pairs[i])] = this.string(pairs[i + 1])
    return out
  }

  /** Whether a click listener or the like sits on the element itself. */
  clickable(node: number): boolean {
    return this.#clickable.has(node)
  }

  checked(node: number): boolean {
    return this.#checked.has(node)
  }

  selected(node: number): boolean {
    return this.#selected.has(node)
  }

  /** Live value of an input or textarea; undefined for anything else. */
  value(node: number): string | undefined {
    const index = this.#texts.get(node) ?? this.#inputs.get(node)
    return index === undefined ? undefined : this.string(index)
  }

  /** Number of the document that a frame element shows, within the same snapshot. */
  frame(node: number): number | undefined {
    return this.#frames.get(node)
  }

  rendered(node: number): boolean {
    return this.#layout.has(node)
  }

  /** In the document's own coordinates, CSS pixels. */
  bounds(node: number): Box | undefined {
    const at = this.#layout.get(node)
    if (at === undefined) return undefined
    const [x = 0, y = 0, width = 0, height = 0] = this.#document.layout.bounds[at] ?? []
    return { x, y, width, height }
  }

  /** Computed style; empty where nothing is rendered. */
  style(node: number, name: Style): string {
    const at = this.#layout.get(node)
    return at === undefined ? '' : this.string(this.#document.layout.styles[at]?.[STYLES.indexOf(name)])
  }

  /** Children as rendered. */
  children(node: number): readonly number[] {
    return this.#children[node] ?? []
  }
}

function rare(data: { index: number[]; value: number[] } | undefined): Map<number, number> {
  return new Map(data?.index.map((node, i) => [node, data.value[i] ?? -1]))
}
