/** Hands on a plain Playwright page, without session, guard or pool: what perform.ts needs and no more. */
import type { Browser, Page } from 'playwright-core'
import type { Action } from '../../lib/web/action.ts'
import { pause, within } from '../../lib/web/chromium/deadline.ts'
import type { Hands, Manner } from '../../lib/web/chromium/hands.ts'
import { perform } from '../../lib/web/chromium/perform.ts'
import type { Observer, View } from '../../lib/web/chromium/view.ts'
import type { ActOutcome } from '../../lib/web/session.ts'

const VIEWPORT = { width: 800, height: 600 }
const ACTION_MS = 15_000

export interface Acting {
  page: Page
  /** Observes, then carries out the action. */
  act(action: Action): Promise<ActOutcome>
  /** Carries out the action on an earlier view. */
  actOn(view: View, action: Action): Promise<ActOutcome>
  look(): Promise<View>
  /** What the tabs and the address bar were asked for. */
  asked: string[]
  close(): Promise<void>
}

export async function actingOn(
  browser: Browser,
  html: string,
  observer: Observer,
  { manner = 'default', tabs = 1 }: { manner?: Manner; tabs?: number } = {},
): Promise<Acting> {
  const context = await browser.newContext({ viewport: VIEWPORT })
  const page = await context.newPage()
  await page.setContent(html)
  const asked: string[] = []
  const say = async (text: string): Promise<ActOutcome> => {
    asked.push(text)
    return { ok: true }
  }
  const hands = (view: View): Hands => {
    const end = performance.now() + ACTION_MS
    const remaining = () => Math.max(1, end - performance.now())
    return {
      page,
      view,
      manner,
      viewport: VIEWPORT,
      signal: new AbortController().signal,
      remaining,
      within: (what, work, ms) => within(what, work, Math.min(ms ?? ACTION_MS, remaining())),
      pause: (ms) => pause(ms),
      goto: (url) => say(`goto ${url}`),
      travel: (by) => say(`travel ${by}`),
      tabs: {
        count: tabs,
        switchTo: (index) => say(`tab ${index}`),
        open: () => say('new tab'),
        close: () => say('close tab'),
      },
    }
  }
  const actOn = (view: View, action: Action) => perform(action, hands(view))
  return {
    page,
    actOn,
    look: () => observer.look(page),
    act: async (action) => actOn(await observer.look(page), action),
    asked,
    close: () => context.close(),
  }
}
