/**
 * One web, two browsers: on the embedded sites the in-process driver and Chromium see the same text and the same
 * elements, on every page of an expert's way, forms as they are filled included.
 */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { type SiteServer, serveSites } from '../../lib/sites/server.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import type { Action } from '../../lib/web/action.ts'
import type { View } from '../../lib/web/chromium/view.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'
import { observer } from '../../lib/web/observe/index.ts'
import { byName } from '../../lib/web/resolve.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'

let browser: Browser
let server: SiteServer
beforeAll(async () => {
  if (CHROMIUM === undefined) return
  browser = await chromium.launch(LAUNCH)
  server = await serveSites(embeddedWeb)
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

/** Carries out what experts do, without the mouse: what is tested is what is seen afterwards. */
async function perform(page: Page, view: View, action: Action): Promise<void> {
  if (action.kind === 'go_backward') return void (await page.goBack())
  if (action.kind === 'goto') return void (await page.goto(action.url))
  if (action.kind === 'press_enter') return submitted(page, page.keyboard.press('Enter'))
  if (!('element' in action)) return
  const target = await view.target(action.element)
  if ('error' in target) throw new Error(target.error)
  const { element } = target
  switch (action.kind) {
    case 'click': {
      const type = await target.call((node) => node.getAttribute('type'))
      const click = target.call((node) => (node as HTMLElement).click())
      const leaves = element.kind === 'link' || (element.kind === 'button' && type !== 'reset')
      return leaves ? submitted(page, click) : click
    }
    case 'type':
    case 'search':
      await target.call((node, text) => {
        const field = node as HTMLInputElement
        field.focus()
        field.value = text
      }, action.argument)
      return action.kind === 'search' ? submitted(page, page.keyboard.press('Enter')) : undefined
    case 'select':
      return target.call((node, text) => {
        const list = node as HTMLSelectElement
        const options = Array.from(list.options)
        list.selectedIndex = options.findIndex((option) => option.text.trim() === text)
      }, action.argument)
  }
}

/** Experts say names; where ids are shown a number would be taken for one. */
function byId(action: Action, { observation }: View): Action {
  if (!('element' in action)) return action
  const element = byName(observation.elements, action.element)
  return element ? { ...action, element: String(element.id) } : action
}

async function submitted(page: Page, act: Promise<void>): Promise<void> {
  await Promise.all([page.waitForNavigation({ waitUntil: 'load', timeout: 60_000 }), act])
}

const templates = [...embeddedWeb.templates.values()].map((template) => [template.id, template] as const)

describe.skipIf(CHROMIUM === undefined)('the same observation in process and in Chromium', () => {
  test.each(templates)(
    '%s',
    async (_, template) => {
      const made = taskFrom(template, 4242, server.origins)
      const seed = made.task.embedded?.world_seed ?? -1
      const actions = template.expert(createWorld(seed), made.params)
      const backend = embeddedBackend(embeddedWeb, server.origins)
      const sessions = {
        id: await inProcessDriver(backend).open(made.task, { addressing: 'id' }),
        name: await inProcessDriver(backend).open(made.task, { addressing: 'name' }),
      }
      const looks = { id: observer('clean', 'id'), name: observer('clean', 'name') }
      const context = await browser.newContext()
      const page = await context.newPage()
      try {
        // One world for all hosts, as the entry address of each would bind it.
        const { key } = server.createWorld(seed)
        await context.addCookies(
          [...embeddedWeb.sites.keys()].map((site) => ({
            name: 'world',
            value: key,
            url: server.origins[site],
          })),
        )
        await page.goto(made.task.start_url)
        for (const action of actions) {
          const views = { id: await looks.id.look(page), name: await looks.name.look(page) }
          expect(views.id.observation).toEqual(await sessions.id.observe())
          expect(views.name.observation).toEqual(await sessions.name.observe())
          const outcome = await sessions.name.act(action)
          expect(outcome, JSON.stringify(action)).toEqual({ ok: true })
          expect(await sessions.id.act(byId(action, views.id))).toEqual(outcome)
          await perform(page, views.name, action)
        }
      } finally {
        await context.close()
      }
    },
    180_000,
  )
})
