/**
 * Actions as VisualAgentBench's WebArena-Lite carries them out, to the letter: live boxes for clicks and selecting,
 * the boxes of the last observation for everything else, no scrolling into view, and failures that change nothing.
 * The agent there is never told; the outcome is (https://github.com/THUDM/VisualAgentBench, VAB-WebArena-Lite/new).
 */
import type { Action } from '../action.ts'
import type { ActOutcome } from '../session.ts'
import type { Hands } from './hands.ts'
import { failed, OK } from './perform-common.ts'
import type { Box, Point, Target } from './view.ts'

/** Between typing and Enter of a search. */
const SEARCH_PAUSE_MS = 2000
/** How long a list may take to become usable; what it changes in the outcome is nothing. */
const SELECT_MS = 5000

/** undefined for actions the published harness does not have. */
export async function performVab(action: Action, hands: Hands): Promise<ActOutcome | undefined> {
  const { page, viewport, within } = hands
  const distance = (viewport.height * 2) / 3
  switch (action.kind) {
    case 'scroll_up':
      return recorded(hands, () => within('scrolling', page.mouse.wheel(0, -distance)))
    case 'scroll_down':
      return recorded(hands, () => within('scrolling', page.mouse.wheel(0, distance)))
    case 'press_enter':
      return recorded(hands, () => within('pressing Enter', page.keyboard.press('Enter')))
    case 'click':
      return recorded(hands, () => point('click', action.element, hands))
    case 'hover':
      return recorded(hands, () => point('hover', action.element, hands))
    case 'type':
    case 'search':
      return recorded(hands, () => type(action, hands))
    case 'select':
      return recorded(hands, () => select(action.element, action.argument, hands))
    default:
      return undefined
  }
}

async function recorded(hands: Hands, carryOut: () => Promise<void>): Promise<ActOutcome> {
  try {
    await carryOut()
    return OK
  } catch (error) {
    // What ends the browser or the episode is no failure of the action.
    if (hands.signal.aborted || hands.page.isClosed() || isEnvironment(error)) throw error
    return failed(error instanceof Error ? (error.message.split('\n')[0] as string) : String(error))
  }
}

const isEnvironment = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'DEADLINE' || error.code === 'ENVIRONMENT')

async function point(kind: 'click' | 'hover', element: string, hands: Hands): Promise<void> {
  const target = await labelled(element, hands)
  if (kind === 'click') return clickAt(await liveCentre(target, hands), hands)
  const { x, y } = storedCentre(target)
  await hands.within('moving the mouse', hands.page.mouse.move(x, y))
}

async function type(action: Extract<Action, { kind: 'type' | 'search' }>, hands: Hands): Promise<void> {
  const { page, within } = hands
  const target = await labelled(action.element, hands)
  await clickAt(storedCentre(target), hands)
  const mac = await within(
    'reading the platform',
    page.evaluate(() => navigator.platform.includes('Mac')),
  )
  await within('selecting all', page.keyboard.press(mac ? 'Meta+A' : 'Control+A'))
  await within('emptying the field', page.keyboard.press('Backspace'))
  const unknown = Array.from(action.argument).find((character) => !isTypable(character))
  if (unknown !== undefined)
    throw new Error(`the published harness has no key for ${JSON.stringify(unknown)}`)
  // A line break in it presses Enter.
  await within('typing', page.keyboard.type(action.argument))
  if (action.kind === 'type') return
  await hands.pause(SEARCH_PAUSE_MS)
  await within('pressing Enter', page.keyboard.press('Enter'))
}

async function labelled(reference: string, { view, within }: Hands): Promise<Target> {
  const target = await within('finding the element', view.target(reference))
  if ('error' in target) throw new Error(target.error)
  return target
}

function storedCentre({ box, element }: Target): Point {
  if (!box) throw new Error(`the element with id ${element.id} had no box when the page was observed`)
  return centreOf(box)
}

/** Where it is now; nothing is scrolled. */
async function liveCentre(target: Target, { within }: Hands): Promise<Point> {
  const box = await within('finding the element', target.liveBox())
  if (!box) throw new Error(`the element with id ${target.element.id} has no box any more`)
  return centreOf(box)
}

const centreOf = ({ x, y, width, height }: Box): Point => ({ x: x + width / 2, y: y + height / 2 })

function clickAt({ x, y }: Point, { page, within }: Hands): Promise<void> {
  return within('clicking', page.mouse.click(x, y))
}

/** Its table of characters: code points 32 to 127, 129 to 129999, and the line break. */
function isTypable(character: string): boolean {
  const code = character.codePointAt(0) as number
  return character === '\n' || (code >= 32 && code < 130_000 && code !== 128)
}

/**
 * Clicks, then looks at whatever lies topmost at that point. The first option that contains the text decides, even
 * when it has no value attribute and so cannot be chosen; of options with one text the last one's value counts.
 */
async function select(element: string, argument: string, hands: Hands): Promise<void> {
  const { page, within } = hands
  const centre = await liveCentre(await labelled(element, hands), hands)
  await clickAt(centre, hands)
  const looked = page.evaluateHandle(({ x, y }) => document.elementFromPoint(x, y), centre)
  const hit = (await within('looking at what is there', looked)).asElement()
  if (!hit) throw new Error('there is nothing at the centre of the element')
  const read = hit.evaluate((element) =>
    Array.from(element.querySelectorAll('option'), (option) => [
      (option.textContent ?? '').replace(/^[ \n]+|[ \n]+$/g, '').toLowerCase(),
      option.getAttribute('value'),
    ]),
  )
  const options = new Map((await within('reading the options', read)) as [string, string | null][])
  const wanted = argument.toLowerCase()
  const chosen = [...options].find(([text]) => text.includes(wanted))
  const value = chosen?.[1]
  if (value === undefined || value === null) throw new Error(`no option with a value contains "${argument}"`)
  await within('selecting', hit.selectOption({ value }, { timeout: Math.min(SELECT_MS, hands.remaining()) }))
}
