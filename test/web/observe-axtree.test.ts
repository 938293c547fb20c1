/**
 * The axtree dialect: WebArena's lines from a live page, Python's way of writing values, what is left out, and
 * every printed id as a target.
 */
import fc from 'fast-check'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Box } from '../../lib/web/chromium/view.ts'
import { type AxNode, axText, pythonRepr } from '../../lib/web/observe/axtree/text.ts'
import { observer } from '../../lib/web/observe/index.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'

const node = (id: string, role: string, name: string | undefined, more: Partial<AxNode> = {}): AxNode => ({
  id,
  role,
  name,
  properties: [],
  children: [],
  backendNodeId: Number(id),
  ...more,
})
const write = (...nodes: AxNode[]) => axText(new Map(nodes.map((n) => [n.id, n])), '1').text

describe('the text', () => {
  test('roles, names and properties, children a tab further', () => {
    const required = [
      { name: 'focusable', value: true },
      { name: 'required', value: false },
      { name: 'level', value: 2 },
      { name: 'hasPopup', value: 'menu' },
    ]
    expect(
      write(
        node('1', 'RootWebArea', 'Page', { children: ['2', '3'] }),
        node('2', 'textbox', "it's", { properties: required }),
        node('3', 'generic', '', { children: ['4'] }),
        node('4', 'link', 'in'),
      ),
    ).toBe("[1] RootWebArea 'Page'\n\t[2] textbox \"it's\" required: False hasPopup: menu\n\t[4] link 'in'")
  })

  test('texts that one of three lines before already says are left out', () => {
    expect(
      write(
        node('1', 'RootWebArea', 'Page', { children: ['2', '4', '5'] }),
        node('2', 'link', 'all of it', { children: ['3'] }),
        node('3', 'StaticText', 'of'),
        node('4', 'StaticText', 'new'),
        node('5', 'StaticText', ''),
      ),
    ).toBe("[1] RootWebArea 'Page'\n\t[2] link 'all of it'\n\t[4] StaticText 'new'")
  })

  test('a tree that goes in circles ends', () => {
    expect(write(node('1', 'a', 'a', { children: ['2'] }), node('2', 'b', 'b', { children: ['1'] }))).toBe(
      "[1] a 'a'\n\t[2] b 'b'",
    )
  })

  test("strings are written as Python's repr writes them", () => {
    expect(
      ['plain', "it's", `it's "so"`, 'a\nb\t\\', 'caf\u00e9\u00a0\u200b', '\u0007 😀'].map(pythonRepr),
    ).toEqual([
      "'plain'",
      `"it's"`,
      `'it\\'s "so"'`,
      "'a\\nb\\t\\\\'",
      "'caf\u00e9\\xa0\\u200b'",
      "'\\x07 😀'",
    ])
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !pythonRepr(text).includes('\n')))
  })
})

describe.skipIf(!CHROMIUM)('a live page', { timeout: 180_000 }, () => {
  let browser: Browser
  let page: Page
  beforeAll(async () => {
    browser = await chromium.launch(LAUNCH)
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } })
    page = await context.newPage()
    await page.setContent(
      '<title>My  page</title><h1>Hi <b>you</b></h1><div role="button" tabindex="0" onclick="this.textContent=1">press</div>' +
        '<input placeholder="q" value="v" required><input type="checkbox" checked aria-label="box"><p>para</p><p style="display:none">no</p>' +
        '<div style="height:3000px"></div><a href="x">below</a>',
    )
  }, 120_000)
  afterAll(() => browser?.close())

  const bare = (text: string) => text.replace(/\[\d+\]/g, '[N]')

  test('is told in view, below a line of tabs', async () => {
    const other = await page.context().newPage()
    const { observation } = await observer('axtree', 'id', { deadlineMs: 150_000 }).look(page)
    await other.close()
    expect(bare(observation.text)).toBe(
      [
        'Tab 0 (current): My page | Tab 1: ',
        '',
        "[N] RootWebArea 'My page' focused: True",
        "\t[N] heading 'Hi you'",
        "\t[N] button 'press'",
        "\t[N] textbox 'q' required: True",
        "\t\t[N] StaticText 'v'",
        "\t[N] checkbox 'box' checked: true",
        "\t[N] StaticText 'para'",
      ].join('\n'),
    )
    expect(observation.elements).toMatchObject([
      { kind: 'button', name: 'press' },
      { kind: 'textbox', name: 'q' },
      { kind: 'checkbox', name: 'box', checked: true },
    ])
  })

  test('is told whole where asked for, and every id is a target', async () => {
    const view = await observer('axtree', 'id', { viewportOnly: false, deadlineMs: 150_000 }).look(page)
    expect(bare(view.observation.text)).toMatch(/\n\t\[N\] link 'below'$/)
    for (const [line, id = ''] of view.observation.text.matchAll(
      /\[(\d+)\] (?:button|link|StaticText 'para').*/g,
    )) {
      const target = await view.target(id)
      if ('error' in target) throw new Error(target.error)
      const { x, y, width, height } = (await target.liveBox({ scroll: true })) as Box
      expect(await target.receives({ x: x + width / 2, y: y + height / 2 }), line).toBe(true)
    }
    expect(await view.target('999999')).toEqual({ error: 'there is no element with id 999999 on this page' })
  })
})
