/**
 * Carries out one action in a Chromium page. What cannot be done is an outcome with one sentence for the agent, in
 * the in-process driver's words where the case is the same; only a broken environment rejects. It does not wait for
 * the page to settle.
 */
import type { Action } from '../action.ts'
import type { ActOutcome } from '../session.ts'
import type { Hands } from './hands.ts'
import { failed, OK } from './perform-common.ts'
import { pressEnter, pressKeys } from './perform-keys.ts'
import { click, hover, rightClick } from './perform-pointer.ts'
import { select } from './perform-select.ts'
import { type } from './perform-text.ts'
import { performVab } from './perform-vab.ts'

/** What Wait waits, settling not included. */
const WAIT_MS = 1000
/** Share of the viewport's height that one scroll moves. */
const SCROLL_SHARE = 2 / 3

export async function perform(action: Action, hands: Hands): Promise<ActOutcome> {
  hands.signal.throwIfAborted()
  try {
    const published = hands.manner === 'vab' ? await performVab(action, hands) : undefined
    return published ?? (await performDefault(action, hands))
  } catch (error) {
    if (isGone(error)) return failed('the element is no longer on the page; observe the page again')
    // An action may close the tab it is carried out in; that is no failure while there is another.
    if (hands.page.isClosed() && hands.tabs.count > 0) return OK
    throw error
  }
}

const isGone = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'GONE'

async function performDefault(action: Action, hands: Hands): Promise<ActOutcome> {
  switch (action.kind) {
    case 'exit':
      return OK
    case 'invalid':
      return failed(action.reason)
    case 'wait':
      await hands.pause(Math.min(WAIT_MS, hands.remaining()))
      return OK
    case 'scroll_up':
      return scroll(hands, -1)
    case 'scroll_down':
      return scroll(hands, 1)
    case 'press_enter':
      return pressEnter(hands)
    case 'press_key':
      return pressKeys(hands, action.keys)
    case 'go_backward':
      return hands.travel(-1)
    case 'go_forward':
      return hands.travel(1)
    case 'goto':
      return hands.goto(action.url)
    case 'new_tab':
      return hands.tabs.open()
    case 'close_tab':
      return hands.tabs.count > 1 ? hands.tabs.close() : failed('there is only one tab')
    case 'switch_tab':
      return switchTab(hands, action.argument)
  }
  const target = await hands.within('finding the element', hands.view.target(action.element))
  if ('error' in target) return failed(target.error)
  switch (action.kind) {
    case 'click':
      return click(target, hands)
    case 'right_click':
      return rightClick(target, hands)
    case 'hover':
      return hover(target, hands)
    case 'select':
      return select(target, action.argument, hands)
    case 'type':
    case 'search':
      return type(target, action, hands)
  }
}

async function switchTab(hands: Hands, argument: string): Promise<ActOutcome> {
  const { count } = hands.tabs
  if (count <= 1) return failed('there is only one tab')
  const text = argument.trim()
  return /^\d{1,3}$/.test(text)
    ? hands.tabs.switchTo(Number(text))
    : failed(`Switch Tab expects the number of a tab from 0 to ${count - 1}, received "${argument}"`)
}

/** Scrolls what the middle of the window shows, or the nearest thing around it that scrolls. */
async function scroll({ page, viewport, within }: Hands, direction: 1 | -1): Promise<ActOutcome> {
  const distance = direction * viewport.height * SCROLL_SHARE
  const moved = page.evaluate(
    ({ x, y, distance }) => {
      let at: Element | null = document.elementFromPoint(x, y)
      while (at && at !== document.documentElement && at !== document.body) {
        const { overflowY } = getComputedStyle(at)
        const room = at.scrollHeight - at.clientHeight
        const scrolls = room > 1 && (overflowY === 'auto' || overflowY === 'scroll')
        if (scrolls && (distance > 0 ? at.scrollTop < room - 1 : at.scrollTop > 0)) {
          at.scrollBy({ top: distance, behavior: 'instant' })
          return
        }
        at = at.parentElement
      }
      const root = document.scrollingElement ?? document.documentElement
      root.scrollBy({ top: distance, behavior: 'instant' })
    },
    { x: viewport.width / 2, y: viewport.height / 2, distance },
  )
  await within('scrolling', moved)
  return OK
}
