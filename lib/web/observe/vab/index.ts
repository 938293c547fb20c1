/**
 * The vab dialect: VisualAgentBench's observation of a page to the letter, its marks on the live DOM included, so
 * that a model trained on it meets what it knows. Click and Select go by the live label, everything else by the
 * box as it was observed; iframes and shadow trees are not looked into.
 */
import type { CDPSession } from 'playwright-core'
import { pause } from '../../chromium/deadline.ts'
import type { Box, Observer, Target, View } from '../../chromium/view.ts'
import { fold } from '../../dom.ts'
import type { ElementKind, ObservedElement } from '../../observation.ts'
import { Sessions } from '../capture.ts'
import { boxOf as liveBoxOf, GoneError, type NodeHandle, nodeTarget, outerBoxOf } from '../live.ts'
import { DEFAULTS, looking, type ObserverOptions } from '../look.ts'
import { sourceOf } from '../source.ts'
import { clearMarks, type Labelled, markClickable, numberClickable, readMarked, writeState } from './page.ts'
import { boxOf, vabText } from './text.ts'

/** Milliseconds the published harness waits before and between its steps; pages change in them. */
const PAUSES = { before: 500, written: 100, marked: 50, numbered: 150 }

export function vabObserver(options: Partial<ObserverOptions> = {}): Observer {
  const { deadlineMs, latin1, pauses } = { ...DEFAULTS, ...options }
  const sessions = new Sessions()
  const rest = (ms: number) => pause(pauses ? ms : 0)
  return {
    look: (page) =>
      looking(page, deadlineMs, async (): Promise<View> => {
        const run = <T>(fn: () => T): Promise<T> => page.evaluate<T>(`${sourceOf(fn)}()`)
        await rest(PAUSES.before)
        // A page where this fails keeps its old marks, as published.
        await run(clearMarks).catch(() => {})
        await run(writeState)
        await rest(PAUSES.written)
        await run(markClickable)
        await rest(PAUSES.marked)
        const labelled = await run(numberClickable)
        await rest(PAUSES.numbered)
        const { html, width, height } = await run(readMarked)
        const observation = {
          url: page.url(),
          title: fold(await page.title()),
          text: vabText(html, { width, height, latin1 }),
          elements: labelled.map(observed),
          addressing: 'id' as const,
        }
        return {
          observation,
          async target(reference): Promise<Target | { error: string }> {
            const element = observation.elements.find(({ id }) => String(id) === reference)
            if (!element) return { error: `there is no element with id ${reference} on this page` }
            return labelTarget(await sessions.page(page), element, boxOf(labelled[element.id]?.bbox))
          },
        }
      }),
  }
}

function observed(seen: Labelled): ObservedElement {
  return {
    id: seen.id,
    kind: kindOf(seen),
    tag: seen.tag,
    name: seen.name,
    ...(seen.value === null ? {} : { value: seen.value }),
    ...(seen.checked === null ? {} : { checked: seen.checked }),
    ...(seen.options === null ? {} : { options: seen.options }),
  }
}

function kindOf({ tag, type, role }: Labelled): ElementKind {
  if (tag === 'a' || role === 'link') return 'link'
  if (tag === 'select') return 'select'
  if (tag === 'textarea') return 'textbox'
  if (tag === 'button' || role === 'button') return 'button'
  if (tag !== 'input') return 'other'
  if (type === 'checkbox' || type === 'radio') return type
  return ['submit', 'button', 'reset', 'image'].includes(type) ? 'button' : 'textbox'
}

/** Whatever carries the label now, even when the page has moved it to another element. */
function labelTarget(cdp: CDPSession, element: ObservedElement, box: Box | undefined): Target {
  const find = () => labelled(cdp, element.id)
  return {
    element,
    box,
    async liveBox({ scroll = false } = {}) {
      const node = await find()
      if (!node) return undefined
      if (scroll) await liveBoxOf(node, true)
      return outerBoxOf(node)
    },
    async receives(point) {
      const node = await find()
      return node !== undefined && nodeTarget(element, node, box).receives(point)
    },
    async call(fn, ...args) {
      const node = await find()
      if (!node) throw new GoneError()
      return nodeTarget(element, node, box).call(fn, ...args)
    },
  }
}

async function labelled(cdp: CDPSession, id: number): Promise<NodeHandle | undefined> {
  try {
    const { frameTree } = await cdp.send('Page.getFrameTree')
    const frameId = frameTree.frame.id
    const { executionContextId: contextId } = await cdp.send('Page.createIsolatedWorld', { frameId })
    const { result } = await cdp.send('Runtime.evaluate', {
      contextId,
      expression: `document.querySelector('[data-label-id="${id}"]')`,
    })
    if (result.objectId === undefined) return undefined
    const { node } = await cdp.send('DOM.describeNode', { objectId: result.objectId })
    cdp.send('Runtime.releaseObject', { objectId: result.objectId }).catch(() => {})
    return {
      session: { cdp, offset: async () => ({ x: 0, y: 0 }) },
      frameId,
      backendNodeId: node.backendNodeId,
    }
  } catch {
    return undefined
  }
}
