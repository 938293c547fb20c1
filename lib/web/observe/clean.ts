/** The clean dialect of a Chromium page: captured without page scripts, written by the common serializer. */
import type { Observer, Target, View } from '../chromium/view.ts'
import type { Addressing } from '../observation.ts'
import { resolveElement } from '../resolve.ts'
import { simplify } from '../simplify.ts'
import { capturePage, Sessions } from './capture.ts'
import { nodeTarget } from './live.ts'
import { capped, DEFAULTS, looking, type ObserverOptions } from './look.ts'
import { buildTree } from './tree.ts'

const FRAME_MS = 2_000

export function cleanObserver(addressing: Addressing, options: Partial<ObserverOptions> = {}): Observer {
  const { deadlineMs, maxText, allows } = { ...DEFAULTS, ...options }
  const sessions = new Sessions()
  return {
    look: (page) =>
      looking(page, deadlineMs, async (): Promise<View> => {
        const captured = await capturePage(page, sessions, { allows, frameMs: FRAME_MS })
        const live = await buildTree(captured, allows)
        const { text, elements, nodes } = simplify(live.document, live.controls, addressing, live.kind)
        const observation = {
          url: live.url,
          title: live.title,
          text: capped(text, maxText),
          elements,
          addressing,
        }
        return {
          observation,
          async target(reference): Promise<Target | { error: string }> {
            const resolved = resolveElement(elements, reference, addressing)
            if ('error' in resolved) return resolved
            const node = nodes[resolved.element.id]
            if (!node) return { error: `there is no element with id ${reference} on this page` }
            return nodeTarget(resolved.element, live.handle(node), live.box(node))
          },
        }
      }),
  }
}
