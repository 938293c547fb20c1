/**
 * An accessibility tree as WebArena writes it for language models: one node a line, "[id] role 'name' prop: value",
 * children indented by a tab, nodes that say nothing left out. Pure; format of webarena's text observation.
 */

export interface AxNode {
  id: string
  role: string
  /** undefined for nodes the browser ignores; their children still count. */
  name: string | undefined
  properties: readonly { name: string; value: string | number | boolean }[]
  children: readonly string[]
  /** 0 where no DOM node stands behind it. */
  backendNodeId: number
}

/** Left out because they say nothing to act on; url came to the protocol after the format was made. */
const SILENT = new Set([
  'focusable',
  'editable',
  'readonly',
  'level',
  'settable',
  'multiline',
  'invalid',
  'url',
])

/** Of no use without a name and properties. */
const WRAPPERS = new Set([
  'generic',
  'img',
  // The name newer browsers give to img.
  'image',
  'list',
  'strong',
  'paragraph',
  'banner',
  'navigation',
  'Section',
  'LabelText',
  'Legend',
  'listitem',
])

/** Pieces of a text that the text itself already says. */
const PIECES = new Set(['InlineTextBox', 'LineBreak'])

export interface AxText {
  text: string
  /** Printed nodes in order. */
  printed: AxNode[]
}

export function axText(nodes: ReadonlyMap<string, AxNode>, root: string): AxText {
  const lines: { node: AxNode; line: string }[] = []
  const seen = new Set<string>()
  const open: { id: string; depth: number }[] = [{ id: root, depth: 0 }]
  for (let at = open.pop(); at; at = open.pop()) {
    const node = nodes.get(at.id)
    // A broken tree must not be walked in circles.
    if (!node || seen.has(at.id)) continue
    seen.add(at.id)
    const line = PIECES.has(node.role) ? undefined : lineOf(node)
    if (line !== undefined && !repeats(node, lines)) lines.push({ node, line: '\t'.repeat(at.depth) + line })
    const depth = line === undefined ? at.depth : at.depth + 1
    for (let i = node.children.length - 1; i >= 0; i--) open.push({ id: node.children[i] as string, depth })
  }
  return { text: lines.map(({ line }) => line).join('\n'), printed: lines.map(({ node }) => node) }
}

function lineOf(node: AxNode): string | undefined {
  const { name, role } = node
  if (name === undefined) return undefined
  const properties = node.properties
    .filter((property) => !SILENT.has(property.name))
    .map((property) => ` ${property.name}: ${python(property.value)}`)
  if (name.trim() === '') {
    if (properties.length === 0 ? WRAPPERS.has(role) : role === 'listitem') return undefined
  }
  return `[${node.id}] ${role} ${pythonRepr(name)}${properties.join('')}`
}

/** Whether a text is already part of one of the three lines before it, or empty. */
function repeats(node: AxNode, lines: readonly { line: string }[]): boolean {
  if (node.role !== 'StaticText') return false
  const text = pythonRepr(node.name ?? '').slice(1, -1)
  return text === '' || lines.slice(-3).some(({ line }) => line.includes(text))
}

const python = (value: string | number | boolean): string =>
  typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

/** A string as Python's repr() shows it. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let out = ''
  for (const point of text) {
    const code = point.codePointAt(0) as number
    if (point === quote) out += `\\${point}`
    else if (SHORT[point] !== undefined) out += SHORT[point]
    else if (point === ' ' || !/[\p{C}\p{Z}]/u.test(point)) out += point
    else if (code < 0x100) out += `\\x${code.toString(16).padStart(2, '0')}`
    else if (code < 0x10000) out += `\\u${code.toString(16).padStart(4, '0')}`
    else out += `\\U${code.toString(16).padStart(8, '0')}`
  }
  return quote + out + quote
}
