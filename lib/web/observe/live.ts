/**
 * A node of a Chromium page, held by its backend id: where it is, what a click at a point would reach, and
 * functions called on it. Page scripts cannot redirect it; nothing here waits on its own account.
 */
import type { CDPSession } from 'playwright-core'
import type { Box, Point, Target } from '../chromium/view.ts'
import type { ObservedElement } from '../observation.ts'
import { sourceOf } from './source.ts'

/** The node was removed, or its document is no longer shown. */
export class GoneError extends Error {
  readonly code = 'GONE'
  override name = 'GoneError'

  constructor(options?: ErrorOptions) {
    super('the element is no longer on the page; observe the page again', options)
  }
}

/** One protocol session: the page with its same-process frames, or a frame in a process of its own. */
export interface FrameSession {
  readonly cdp: CDPSession
  /** Top left corner of the session's root frame in the page's viewport, CSS pixels; undefined when it is gone. */
  offset(): Promise<Point | undefined>
}

export interface NodeHandle {
  readonly session: FrameSession
  readonly frameId: string
  readonly backendNodeId: number
}

const WORLD = 'mira'

/** Resolves in an isolated world of the node's frame; the caller releases the object. */
async function resolve({ session: { cdp }, frameId, backendNodeId }: NodeHandle): Promise<string> {
  try {
    const { executionContextId } = await cdp.send('Page.createIsolatedWorld', { frameId, worldName: WORLD })
    const { object } = await cdp.send('DOM.resolveNode', { backendNodeId, executionContextId })
    if (object.objectId !== undefined) return object.objectId
  } catch (cause) {
    throw new GoneError({ cause })
  }
  throw new GoneError()
}

const release = (cdp: CDPSession, objectId: string): void => {
  // Objects of a destroyed page are gone already.
  cdp.send('Runtime.releaseObject', { objectId }).catch(() => {})
}

const declaration = (fn: unknown): string => `function (...args) {
  if (!this.isConnected) throw new Error('GONE')
  return ${sourceOf(fn)}(this, ...args)
}`

export async function callOn<R>(node: NodeHandle, fn: unknown, args: readonly unknown[]): Promise<R> {
  const { cdp } = node.session
  const objectId = await resolve(node)
  try {
    const { result, exceptionDetails } = await cdp.send('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration: declaration(fn),
      arguments: args.map((value) => ({ value })),
      returnByValue: true,
      awaitPromise: true,
    })
    if (exceptionDetails) {
      const said = exceptionDetails.exception?.description ?? exceptionDetails.text
      if (/^Error: GONE\b/.test(said)) throw new GoneError()
      throw new Error(`a function called on the element failed: ${said.split('\n')[0]}`)
    }
    return result.value as R
  } finally {
    release(cdp, objectId)
  }
}

/** The first of the node's boxes that has an area, in the page's viewport; undefined without one. */
export async function boxOf(node: NodeHandle, scroll: boolean): Promise<Box | undefined> {
  const { cdp } = node.session
  const { backendNodeId } = node
  try {
    if (scroll) await cdp.send('DOM.scrollIntoViewIfNeeded', { backendNodeId })
    const [{ quads }, offset] = await Promise.all([
      cdp.send('DOM.getContentQuads', { backendNodeId }),
      node.session.offset(),
    ])
    if (!offset) return undefined
    return quads.map((quad) => around(quad, offset)).find(({ width, height }) => width >= 1 && height >= 1)
  } catch {
    // No layout, or no such node any more: both are "no box".
    return undefined
  }
}

/** The box around all of the node's boxes, borders included, as Playwright's boundingBox. */
export async function outerBoxOf({ session, backendNodeId }: NodeHandle): Promise<Box | undefined> {
  try {
    const [{ model }, offset] = await Promise.all([
      session.cdp.send('DOM.getBoxModel', { backendNodeId }),
      session.offset(),
    ])
    return offset && around(model.border, offset)
  } catch {
    return undefined
  }
}

function around(quad: readonly number[], offset: Point): Box {
  const xs = quad.filter((_, i) => i % 2 === 0)
  const ys = quad.filter((_, i) => i % 2 === 1)
  const x = Math.min(...xs)
  const y = Math.min(...ys)
  return { x: x + offset.x, y: y + offset.y, width: Math.max(...xs) - x, height: Math.max(...ys) - y }
}

/** Whether a click at a point of the page's viewport reaches the node, something inside it, or its label. */
export async function receivesAt(node: NodeHandle, point: Point): Promise<boolean> {
  const { cdp } = node.session
  const offset = await node.session.offset()
  if (!offset) return false
  const hit = await hitAt(cdp, { x: point.x - offset.x, y: point.y - offset.y })
  if (hit === undefined) return false
  if (hit.backendNodeId === node.backendNodeId) return true
  // A document of its own: only a frame element can hold it.
  if (hit.frameId !== undefined && hit.frameId !== node.frameId)
    return callOn<boolean>(node, (element: Element) => element.tagName === 'IFRAME', []).catch(() => false)
  let here: string | undefined
  let there: string | undefined
  try {
    here = await resolve(node)
    there = await resolve({ ...node, backendNodeId: hit.backendNodeId })
    const { result } = await cdp.send('Runtime.callFunctionOn', {
      objectId: here,
      functionDeclaration: `function (hit) { return ${sourceOf(reaches)}(this, hit) }`,
      arguments: [{ objectId: there }],
      returnByValue: true,
    })
    return result.value === true
  } catch {
    return false
  } finally {
    for (const objectId of [here, there]) if (objectId !== undefined) release(cdp, objectId)
  }
}

async function hitAt(cdp: CDPSession, point: Point) {
  try {
    // The protocol counts from the document's corner, not the viewport's.
    const { cssLayoutViewport } = await cdp.send('Page.getLayoutMetrics')
    return await cdp.send('DOM.getNodeForLocation', {
      x: Math.round(point.x + cssLayoutViewport.pageX),
      y: Math.round(point.y + cssLayoutViewport.pageY),
      includeUserAgentShadowDOM: false,
      ignorePointerEventsNone: false,
    })
  } catch {
    return undefined
  }
}

/** Runs on the page: whether `hit` lies in `node` or in a label of it, across shadow roots. */
function reaches(node: Element, hit: Node): boolean {
  const labels = (node as Partial<HTMLInputElement>).labels
  const goals: Node[] = [node, ...(labels ? Array.from(labels) : [])]
  for (let at: Node | null = hit; at; at = at.parentNode ?? (at as Partial<ShadowRoot>).host ?? null) {
    if (goals.includes(at)) return true
  }
  return false
}

/** A target by backend id; where the node is a text, `owner` is the element that stands for it in calls. */
export function nodeTarget(
  element: ObservedElement,
  node: NodeHandle,
  box: Box | undefined,
  owner: NodeHandle = node,
): Target {
  return {
    element,
    box,
    liveBox: ({ scroll = false } = {}) => boxOf(node, scroll),
    receives: (point) => receivesAt(owner, point),
    call: (fn, ...args) => callOn(owner, fn, args),
  }
}
