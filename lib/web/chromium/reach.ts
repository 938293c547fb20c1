/**
 * The hands an action is carried out with, made anew for each: the agent's tab and the other tabs, addresses through
 * the allow-list, and waits that share the action's deadline.
 */
import type { Page } from 'playwright-core'
import type { ActOutcome } from '../session.ts'
import type { AllowList } from './allow-list.ts'
import { type Deadline, pause, within } from './deadline.ts'
import type { Hands } from './hands.ts'
import type { RefusalLog } from './log.ts'
import { load, resolveAddress, travel } from './navigate.ts'
import type { BrowserOptions } from './options.ts'
import type { Settling } from './settling.ts'
import type { Tabs } from './tabs.ts'
import type { View } from './view.ts'

export interface HandsParts {
  page: Page
  view: View
  deadline: Deadline
  options: BrowserOptions
  allow: AllowList
  refusals: RefusalLog
  tabs: Tabs
  settling: Settling
  signal: AbortSignal
}

const OK: ActOutcome = { ok: true }
const fail = (error: string): ActOutcome => ({ ok: false, error })

export function handsOn(parts: HandsParts): Hands {
  const { page, view, deadline, options, allow, refusals, tabs, settling, signal } = parts
  const go = async (url: string): Promise<ActOutcome> => {
    const resolved = resolveAddress(url, page.url(), allow)
    if ('error' in resolved) {
      refusals.add({ url, kind: 'scheme', time: Date.now() })
      return fail(resolved.error)
    }
    const ms = Math.min(deadline.remaining(), options.deadlines.navigation)
    const answer = await load(page, resolved.url, ms, signal)
    if (!('error' in answer)) return OK
    if (answer.pending) await settling.stop(page)
    return fail(refusals.takeNavigation(page.url()) ?? answer.error)
  }
  return {
    page,
    view,
    manner: options.manner,
    viewport: options.viewport,
    signal,
    remaining: () => deadline.remaining(),
    within: (what, work, ms) =>
      within(what, work, Math.min(ms ?? deadline.remaining(), deadline.remaining()), signal),
    pause: (ms) => pause(Math.min(ms, deadline.remaining()), signal),
    goto: go,
    travel: async (by) => travel(await tabs.cdp(page), by, deadline.remaining(), signal),
    tabs: {
      count: tabs.list.length,
      switchTo: async (index) => {
        const chosen = tabs.list[index]
        if (!chosen) return fail(noTab(index, tabs.list.length))
        tabs.activate(chosen)
        await within('showing the tab', chosen.bringToFront(), deadline.remaining(), signal)
        return OK
      },
      open: async () => {
        const { maxTabs } = options
        if (tabs.list.length >= maxTabs) return fail(`no more than ${maxTabs} tabs can be open; close one`)
        await within('opening a tab', tabs.open(), deadline.remaining(), signal)
        return OK
      },
      close: async () => {
        if (tabs.list.length <= 1) return fail('the only tab cannot be closed')
        await within('closing the tab', page.close(), deadline.remaining(), signal)
        return OK
      },
    },
  }
}

const noTab = (index: number, count: number): string =>
  count === 1
    ? `there is no tab ${index}; the only tab is 0`
    : `there is no tab ${index}; there are tabs 0 to ${count - 1}`
