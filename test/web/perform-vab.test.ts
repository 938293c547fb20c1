/** Actions in the published manner: what changes the page, what silently does not, and that nothing is scrolled. */
import { type Browser, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Action } from '../../lib/web/action.ts'
import { observer } from '../../lib/web/observe/index.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'
import { type Acting, actingOn } from './perform-hands.ts'

const OK = { ok: true }
const FAILED = { ok: false, error: expect.any(String) }

describe.skipIf(CHROMIUM === undefined)('in Chromium (needs chromium, or MIRA_CHROMIUM)', () => {
  let browser: Browser
  let on: Acting
  beforeAll(async () => {
    browser = await chromium.launch(LAUNCH)
  })
  afterAll(() => browser?.close())
  afterEach(() => on?.close())

  const open = async (html: string) => {
    on = await actingOn(browser, html, observer('vab', 'id', { pauses: false }), { manner: 'vab' })
    return on
  }
  const said = () => on.page.evaluate(() => document.querySelector('output')?.textContent)

  test('clicking goes where the element is now, hovering and typing where it was', async () => {
    const { actOn, look, page } = await open(`<output style="float:right"></output><div id="gap"></div>
      <button id="b" style="display:block;height:30px" onclick="document.querySelector('output').textContent += 'clicked '"
        onmouseenter="document.querySelector('output').textContent += 'over '">B</button>
      <input id="i" style="display:block;height:30px" value="old">`)
    const view = await look()
    const id = (tag: string) => String(view.observation.elements.find((one) => one.tag === tag)?.id)
    await page.evaluate(() => document.getElementById('gap')?.setAttribute('style', 'height:200px'))
    expect(await actOn(view, { kind: 'hover', element: id('button') })).toEqual(OK)
    expect(await said()).toBe('')
    expect(await actOn(view, { kind: 'click', element: id('button') })).toEqual(OK)
    expect(await said()).toBe('over clicked ')
    expect(await actOn(view, { kind: 'type', element: id('input'), argument: 'new' })).toEqual(OK)
    expect(await page.locator('#i').inputValue()).toBe('old')
  })

  test('typing replaces, a line break is Enter, a character without a key empties only', async () => {
    const { act, page } = await open(`<output></output>
      <form onsubmit="document.querySelector('output').textContent += 'sent '; return false"><input value="old"></form>`)
    const type = (argument: string): Action => ({ kind: 'type', element: '0', argument })
    expect(await act(type('caf\u00e9 😀'))).toEqual(OK)
    expect(await page.locator('input').inputValue()).toBe('café 😀')
    expect(await act(type('lamp\n'))).toEqual(OK)
    expect(await said()).toBe('sent ')
    expect(await act(type('a\tb'))).toEqual(FAILED)
    expect(await page.locator('input').inputValue()).toBe('')
    expect(await act({ kind: 'search', element: '0', argument: 'red' })).toEqual(OK)
    expect(await said()).toBe('sent sent ')
    expect(await act({ kind: 'press_enter' })).toEqual(OK)
    expect(await said()).toBe('sent sent sent ')
  })

  test('selecting: the first option that contains the text, if it has a value attribute', async () => {
    const { act, page } = await open(`<select id="s"><option value="0">None</option><option> June </option>
      <option value="7">July</option><option value="8">July</option><option value="9">Not july</option></select>`)
    const select = (argument: string): Action => ({ kind: 'select', element: '0', argument })
    const value = () => page.locator('#s').inputValue()
    expect(await act(select('july'))).toEqual(OK)
    expect(await value()).toBe('8')
    expect(await act(select('JUNE'))).toEqual(FAILED)
    expect(await value()).toBe('8')
    expect(await act(select('May'))).toEqual(FAILED)
    expect(await act(select(''))).toEqual(OK)
    expect(await value()).toBe('0')
  })

  test('the wheel turns two thirds of the window where the mouse is; unknown labels change nothing', async () => {
    const { act, page } = await open('<div style="height:3000px"></div><button>Far</button>')
    expect(await act({ kind: 'scroll_down' })).toEqual(OK)
    await expect.poll(() => page.evaluate(() => scrollY)).toBe(400)
    expect(await act({ kind: 'scroll_up' })).toEqual(OK)
    await expect.poll(() => page.evaluate(() => scrollY)).toBe(0)
    expect(await act({ kind: 'click', element: '99' })).toEqual(FAILED)
    expect(await act({ kind: 'click', element: 'Far' })).toEqual(FAILED)
  })

  test('a removed element is a failure that changes nothing', async () => {
    const { actOn, look, page } = await open('<button>A</button>')
    const view = await look()
    await page.evaluate(() => document.querySelector('button')?.remove())
    expect(await actOn(view, { kind: 'click', element: '0' })).toEqual(FAILED)
    expect(await actOn(view, { kind: 'hover', element: '0' })).toEqual(OK)
  })
})
