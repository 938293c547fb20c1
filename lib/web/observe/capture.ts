/**
 * A page as Chromium holds it, taken in one go without running any script of the page: nodes, attributes, layout,
 * computed styles and form state of every document, frames in other processes included.
 */
import type { CDPSession, Frame, Page } from 'playwright-core'
import type { Point } from '../chromium/view.ts'
import type { FrameSession } from './live.ts'
import { settle } from './look.ts'

/** Computed styles asked for, in this order. */
export const STYLES = ['visibility', 'opacity', 'cursor', 'overflow-x', 'overflow-y', 'position'] as const

const capture = (cdp: CDPSession) =>
  cdp.send('DOMSnapshot.captureSnapshot', { computedStyles: [...STYLES], includePaintOrder: false })

export type Snapshot = Awaited<ReturnType<typeof capture>>
export type SnapshotDocument = Snapshot['documents'][number]

/** The documents of one process: documents[0] is the root, the others are frames in it. */
export interface Captured {
  session: FrameSession
  snapshot: Snapshot
  /** Frames that live elsewhere, by the backend id of their frame element; a string says why one is not there. */
  frames: Map<number, Captured | string>
}

export interface CaptureOptions {
  /** Whether a frame with this address may be shown; the page itself always is. */
  allows(url: string): boolean
  /** Milliseconds until a frame in another process is left out. */
  frameMs: number
}

/** Frames in processes of their own that are looked at; further ones are marked as left out. */
const MAX_FRAMES = 32

/** Keeps one protocol session per page and per separate frame. */
export class Sessions {
  readonly #pages = new WeakMap<Page, Promise<CDPSession>>()
  readonly #frames = new WeakMap<Frame, Promise<CDPSession | undefined>>()

  page(page: Page): Promise<CDPSession> {
    let session = this.#pages.get(page)
    if (!session) {
      session = open(page)
      this.#pages.set(page, session)
      session.catch(() => this.#pages.delete(page))
    }
    return session
  }

  /** undefined for a frame that shares its parent's process. */
  frame(frame: Frame): Promise<CDPSession | undefined> {
    let session = this.#frames.get(frame)
    if (!session) {
      session = open(frame).catch(() => undefined)
      this.#frames.set(frame, session)
    }
    return session
  }

  /** Frames move between processes; the next look asks again. */
  forget(frame: Frame): void {
    this.#frames.delete(frame)
  }
}

async function open(owner: Page | Frame): Promise<CDPSession> {
  const context = 'context' in owner ? owner.context() : owner.page().context()
  const cdp = await context.newCDPSession(owner)
  // Hit tests answer only while the DOM domain is on.
  await cdp.send('DOM.enable')
  return cdp
}

export async function capturePage(
  page: Page,
  sessions: Sessions,
  options: CaptureOptions,
): Promise<Captured> {
  const cdp = await sessions.page(page)
  const root: Captured = {
    session: { cdp, offset: async () => ({ x: 0, y: 0 }) },
    snapshot: await capture(cdp),
    frames: new Map(),
  }
  if (hasFrames(root.snapshot)) {
    const separate = page.frames().filter((frame) => frame !== page.mainFrame())
    await addFrames(page, root, separate, sessions, options)
  }
  return root
}

/** Whether some frame element holds no document of this process. */
function hasFrames({ documents, strings }: Snapshot): boolean {
  return documents.some(({ nodes }) => {
    const here = new Set(nodes.contentDocumentIndex?.index)
    return nodes.nodeName?.some((name, i) => strings[name] === 'IFRAME' && !here.has(i)) ?? false
  })
}

async function addFrames(
  page: Page,
  root: Captured,
  frames: readonly Frame[],
  sessions: Sessions,
  options: CaptureOptions,
): Promise<void> {
  const byFrame = new Map<Frame, Captured>([[page.mainFrame(), root]])
  const parentOf = (frame: Frame): Captured => {
    for (let at = frame.parentFrame(); at; at = at.parentFrame()) {
      const captured = byFrame.get(at)
      if (captured) return captured
    }
    return root
  }
  let shown = 0
  // Parents come before their children in page.frames(), so each finds its parent's documents.
  for (const frame of frames) {
    const cdp = await settle('a frame', sessions.frame(frame), options.frameMs)
    if (!cdp) continue
    const parent = parentOf(frame)
    const taken = await settle(
      'a frame',
      takeFrame(frame, cdp, parent, options, shown >= MAX_FRAMES),
      options.frameMs,
    )
    if (!taken) {
      sessions.forget(frame)
      continue
    }
    parent.frames.set(taken.owner, taken.content)
    if (typeof taken.content === 'string') continue
    shown++
    byFrame.set(frame, taken.content)
  }
}

async function takeFrame(
  frame: Frame,
  cdp: CDPSession,
  parent: Captured,
  options: CaptureOptions,
  full: boolean,
): Promise<{ owner: number; content: Captured | string }> {
  const { frameTree } = await cdp.send('Page.getFrameTree')
  const { backendNodeId } = await parent.session.cdp.send('DOM.getFrameOwner', {
    frameId: frameTree.frame.id,
  })
  const content = full
    ? 'too many frames'
    : !options.allows(frame.url())
      ? refusal(frame.url())
      : {
          session: { cdp, offset: () => contentCorner(parent.session, backendNodeId) },
          snapshot: await capture(cdp),
          frames: new Map(),
        }
  return { owner: backendNodeId, content }
}

/** Stands in place of a frame that may not be shown. */
export function refusal(url: string): string {
  const host = URL.canParse(url) ? new URL(url).host : ''
  return `${host || url.slice(0, 40)} is not allowed here`
}

/** Top left corner of what a frame element shows, in the page's viewport. */
export async function contentCorner(
  session: FrameSession,
  backendNodeId: number,
): Promise<Point | undefined> {
  try {
    const [{ model }, base] = await Promise.all([
      session.cdp.send('DOM.getBoxModel', { backendNodeId }),
      session.offset(),
    ])
    const [x = 0, y = 0] = model.content
    return base && { x: base.x + x, y: base.y + y }
  } catch {
    return undefined
  }
}
