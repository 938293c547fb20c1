/**
 * The mouse on an element: brought into view, standing still, and tried at a few points until one reaches it. A
 * click that would land on something else is not made; the sentence says by name what is in the way.
 */
import type { ActOutcome } from '../session.ts'
import type { Hands } from './hands.ts'
import { called, failed, OK, stateOf } from './perform-common.ts'
import type { Box, Point, Target } from './view.ts'

/** Where on the element, as shares of its box: the middle first. */
const SPOTS: readonly (readonly [number, number])[] = [
  [0.5, 0.5],
  [0.25, 0.5],
  [0.75, 0.5],
  [0.5, 0.25],
  [0.5, 0.75],
  [0.1, 0.1],
  [0.9, 0.9],
]
const STILL_TRIES = 10
const MOVE_TRIES = 3
const STILL_PAUSE_MS = 50

export async function click(target: Target, hands: Hands): Promise<ActOutcome> {
  const { within } = hands
  const state = await stateOf(target, hands)
  if (state.disabled) return failed(`${called(target)} is disabled`)
  if (state.type === 'file') return failed(`${called(target)} takes a file, and there are none to give`)
  if (state.tag === 'select') {
    // Its list would open in a window of its own that no observation shows.
    await within(
      `focusing ${called(target)}`,
      target.call((node) => (node as HTMLElement).focus()),
    )
    return OK
  }
  const place = await press(target, hands)
  if (place === undefined) return OK
  // Styled check boxes are often not drawn themselves.
  if (place.unseen && (state.type === 'checkbox' || state.type === 'radio')) {
    await within(
      `clicking ${called(target)}`,
      target.call((node) => (node as HTMLElement).click()),
    )
    return OK
  }
  return failed(place.error)
}

export async function rightClick(target: Target, hands: Hands): Promise<ActOutcome> {
  const place = await press(target, hands, 'right')
  return place === undefined ? OK : failed(place.error)
}

/** Moves there first: what opens or moves under the mouse must not get the click. undefined when it was made. */
export async function press(
  target: Target,
  hands: Hands,
  button: 'left' | 'right' = 'left',
): Promise<Unreachable | undefined> {
  const { mouse } = hands.page
  const what = `clicking ${called(target)}`
  for (let tries = 1; ; tries++) {
    const place = await reach(target, hands)
    if (!('x' in place)) return place
    await hands.within(what, mouse.move(place.x, place.y))
    if (tries < MOVE_TRIES && !(await hands.within(what, target.receives(place)))) continue
    await hands.within(what, mouse.click(place.x, place.y, { button }))
    return undefined
  }
}

export async function hover(target: Target, hands: Hands): Promise<ActOutcome> {
  const place = await reach(target, hands)
  if (!('x' in place)) return failed(place.error)
  await hands.within(`moving the mouse to ${called(target)}`, hands.page.mouse.move(place.x, place.y))
  return OK
}

export interface Unreachable {
  error: string
  /** It has no box at all, rather than one that something covers. */
  unseen: boolean
}

/** A point of the viewport where the mouse reaches the element. */
async function reach(target: Target, hands: Hands): Promise<Point | Unreachable> {
  const box = await stillBox(target, hands)
  if (!box) return { error: `${called(target)} is not visible on the page`, unseen: true }
  const first = await openSpot(target, box, hands)
  if (first) return first
  // Bars that stay at the edge of the window cover what is only just scrolled in.
  const centred = target.call((node) =>
    node.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' }),
  )
  await hands.within(`scrolling to ${called(target)}`, centred)
  const moved = await stillBox(target, hands, false)
  const second = moved && (await openSpot(target, moved, hands))
  return second || { error: await inTheWay(target, hands), unseen: false }
}

/**
 * Ends when the page has drawn once more, since two looks within one frame see nothing move however fast it is; soon
 * after where nothing is drawn at all. Runs on the page.
 */
function drawn(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(() => resolve()))
    setTimeout(resolve, 200)
  })
}

/** The box once it no longer moves; the last one seen where it never stops. */
async function stillBox(target: Target, hands: Hands, scroll = true): Promise<Box | undefined> {
  const what = `finding ${called(target)} on the page`
  let box = await hands.within(what, target.liveBox({ scroll }))
  for (let tries = 0; box && tries < STILL_TRIES; tries++) {
    await hands.within(what, target.call(drawn))
    const next = await hands.within(what, target.liveBox())
    if (!next || (Math.abs(next.x - box.x) < 1 && Math.abs(next.y - box.y) < 1)) return next
    box = next
    await hands.pause(STILL_PAUSE_MS)
  }
  return box
}

async function openSpot(target: Target, box: Box, hands: Hands): Promise<Point | undefined> {
  const { width, height } = hands.viewport
  const left = Math.max(0, box.x)
  const top = Math.max(0, box.y)
  const right = Math.min(width, box.x + box.width)
  const bottom = Math.min(height, box.y + box.height)
  if (right - left < 1 || bottom - top < 1) return undefined
  for (const [dx, dy] of SPOTS) {
    const point = { x: left + (right - left) * dx, y: top + (bottom - top) * dy }
    if (await hands.within(`finding a free spot of ${called(target)}`, target.receives(point))) return point
  }
  return undefined
}

/** What lies over the element's middle, by the words it shows. */
async function inTheWay(target: Target, { within }: Hands): Promise<string> {
  const asked = target.call((node) => {
    const { left, top, width, height } = node.getBoundingClientRect()
    const root = node.getRootNode() as Document | ShadowRoot
    const hit = root.elementFromPoint(left + width / 2, top + height / 2)
    if (!hit || hit === node || hit.contains(node)) return ''
    // The outermost element that lies over this one and is not around it.
    let over = hit
    while (over.parentElement && !over.parentElement.contains(node)) over = over.parentElement
    const words = (element: Element) =>
      (
        element.getAttribute('aria-label') ||
        element.querySelector('h1,h2,h3,[role=heading]')?.textContent ||
        (element as HTMLElement).innerText ||
        element.getAttribute('title') ||
        ''
      )
        .replace(/\s+/g, ' ')
        .trim()
    const text = words(over) || words(hit)
    return text === '' ? `a <${hit.tagName.toLowerCase()}>` : `"${Array.from(text).slice(0, 60).join('')}"`
  })
  const over = await within(`looking at what covers ${called(target)}`, asked)
  return over === ''
    ? `${called(target)} cannot be reached at the moment`
    : `${called(target)} is covered by ${over}; deal with that first`
}
