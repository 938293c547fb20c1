/**
 * The clean dialect of a live page: what is seen and what is not, live form state, what scripts made actionable,
 * shadow trees and frames, targets that a page cannot redirect, and pages that are large, deep or on the move.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Box, Target, View } from '../../lib/web/chromium/view.ts'
import { EnvironmentError } from '../../lib/web/errors.ts'
import { observer } from '../../lib/web/observe/index.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'

let browser: Browser
let page: Page
let server: Server
let port = 0
/** Answers by path; frames are on other hosts of the same server. */
const PAGES: Record<string, () => string> = {
  '/top': () =>
    `<h1>top</h1><div style="height:300px"></div><iframe style="margin-left:50px" src="http://other.localhost:${port}/frame"></iframe><iframe src="/frame"></iframe>`,
  '/frame': () =>
    '<p>framed</p><a href="x">inside</a><button onclick="document.title = \'hit\'">press</button>',
  '/restless': () => '<b>here</b><script>if (!location.hash) location.href = "/calm"</script>',
  '/calm': () => '<a href="x">at rest</a>',
}

beforeAll(async () => {
  if (!CHROMIUM) return
  browser = await chromium.launch(LAUNCH)
  page = await browser.newPage({ viewport: { width: 1280, height: 720 } })
  server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(PAGES[request.url ?? '']?.() ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
}, 120_000)
afterAll(async () => {
  await browser?.close()
  server?.close()
})

const clean = observer('clean', 'id', { deadlineMs: 150_000 })
const see = async (html: string): Promise<View> => {
  await page.setContent(html)
  return clean.look(page)
}
const text = async (html: string): Promise<string> =>
  (await see(html)).observation.text.replace(/^<body> | <\/body>$/g, '')
const targetOf = async (view: View, name: string): Promise<Target> => {
  const element = view.observation.elements.find((seen) => seen.name === name)
  const target = await view.target(String(element?.id))
  if ('error' in target) throw new Error(target.error)
  return target
}
const middle = ({ x, y, width, height }: Box) => ({ x: x + width / 2, y: y + height / 2 })

describe.skipIf(!CHROMIUM)('what is seen', { timeout: 180_000 }, () => {
  test.each([
    ['display', '<p>a</p><p style="display:none">b</p>', '<p> a </p>'],
    [
      'visibility, taken back inside',
      '<div style="visibility:hidden">b<i style="visibility:visible">c</i></div>',
      '<i> c </i>',
    ],
    [
      'a stylesheet over the hidden attribute',
      '<style>p{display:block!important}</style><p hidden>a</p>',
      '<p> a </p>',
    ],
    ['aria-hidden', '<p>a</p><p aria-hidden="true">b</p>', '<p> a </p>'],
    ['opacity', '<p>a</p><div style="opacity:0"><p>b</p></div>', '<p> a </p>'],
    ['a collapsed box', '<p>a</p><div style="height:0;overflow:hidden">b</div>', '<p> a </p>'],
    ['off the page', '<p>a</p><a href="#" style="position:absolute;left:-9999px">skip</a>', '<p> a </p>'],
    [
      'closed details',
      '<details><summary>more</summary>inside</details>',
      '<summary id="0"> more </summary>',
    ],
    ['generated text', '<style>p::before{content:"no"}</style><p>a</p>', '<p> a </p>'],
    ['a page without scripts', '<noscript>no</noscript><template>no</template><p>a</p>', '<p> a </p>'],
    ['all of Unicode', '<p>caf\u00e9 \u05e9\u05dc\u05d5\u05dd 😀 &lt;b&gt;</p>', '<p> café שלום 😀 <b> </p>'],
    ['below the fold', '<div style="height:3000px"></div><a href="x">far</a>', '<a id="0"> far </a>'],
  ])('%s', async (_, html, expected) => {
    expect(await text(html)).toBe(expected)
  })

  test('a see-through checkbox is still there to click', async () => {
    expect(await text('<label>ok<input type="checkbox" style="opacity:0"></label>')).toBe(
      '<label> ok <input id="0" type="checkbox"> </input> </label>',
    )
  })

  test('form state as it is now', async () => {
    await page.setContent(
      '<input aria-label="a" value="old"><textarea aria-label="b">old</textarea><input type="checkbox" aria-label="c" checked>' +
        '<select aria-label="d"><option>one</option><option>two</option></select>',
    )
    await page.locator('input').first().fill('new')
    await page.locator('textarea').fill('newer')
    await page.locator('[type=checkbox]').uncheck()
    await page.locator('select').selectOption('two')
    const { observation } = await clean.look(page)
    expect(observation.elements).toMatchObject([
      { kind: 'textbox', name: 'a', value: 'new' },
      { kind: 'textbox', name: 'b', value: 'newer' },
      { kind: 'checkbox', name: 'c', checked: false },
      { kind: 'select', name: 'd', value: 'two', options: ['one', 'two'] },
    ])
    expect(observation.text).toContain('<option selected="true"> two </option>')
  })

  test('ids stand on what is acted on, not on what is inside it', async () => {
    expect(await text('<a href="x"><span style="cursor:pointer">in <i>it</i></span></a>')).toBe(
      '<a id="0"> <span> in <i> it </i> </span> </a>',
    )
  })

  test('what roles, listeners, cursors and editing make actionable', async () => {
    const { observation } = await see(
      '<div role="button">role</div><div onclick="1">handler</div><div id="l">listener</div>' +
        '<div style="cursor:pointer">hand <b>too</b></div><div contenteditable>edit</div><p>nothing</p>' +
        '<div id="stage"><p>text</p><div style="cursor:pointer">part</div></div>' +
        '<script>for (const id of ["l", "stage"]) document.getElementById(id).addEventListener("click", () => {})</script>',
    )
    expect(observation.elements.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'button role',
      'other handler',
      'other listener',
      'other hand too',
      'textbox edit',
      'other part',
    ])
  })

  test('shadow trees are where they show, with their slots filled', async () => {
    const shown = await text(
      '<x-card>light<b slot="head">title</b><i slot="lost">unseen</i></x-card><script>' +
        'document.querySelector("x-card").attachShadow({mode:"open"}).innerHTML = ' +
        '"<header><slot name=head></slot></header><button>press</button><p><slot></slot></p><slot name=none>spare</slot>"</script>',
    )
    expect(shown).toBe(
      '<x-card> <b> title </b> <button id="0"> press </button> <p> light </p> spare </x-card>',
    )
  })

  test('the text is cut at its cap, in code points, and says so', async () => {
    await page.setContent(`<p>${'😀'.repeat(300)}</p>`)
    const { observation } = await observer('clean', 'id', { maxText: 100, deadlineMs: 150_000 }).look(page)
    expect(Array.from(observation.text.split(' [')[0] ?? '').length).toBe(100)
    expect(observation.text).toMatch(/ \[the page goes on for 209 characters\]$/)
  })
})

describe.skipIf(!CHROMIUM)('frames', { timeout: 180_000 }, () => {
  test('of this and of another process are parts of their own, and their elements are targets', async () => {
    await page.goto(`http://one.localhost:${port}/top`)
    const view = await clean.look(page)
    const part = (first: number) =>
      `<iframe> <body> <p> framed </p> <a id="${first}"> inside </a> <button id="${first + 1}"> press </button> </body> </iframe>`
    expect(view.observation.text).toBe(`<body> <h1> top </h1> ${part(0)} ${part(2)} </body>`)
    for (const id of ['1', '3']) {
      const target = await view.target(id)
      if ('error' in target) throw new Error(target.error)
      const box = await target.liveBox({ scroll: true })
      expect(box).toEqual(target.box)
      expect(await target.receives(middle(box as Box))).toBe(true)
      expect(await target.receives({ x: 1, y: 1 })).toBe(false)
      await page.mouse.click(middle(box as Box).x, middle(box as Box).y)
      expect(await target.call((node) => node.ownerDocument.title)).toBe('hit')
    }
  })

  test('that are not allowed are one line', async () => {
    await page.goto(`http://one.localhost:${port}/top`)
    const allows = (url: string) => !url.includes('other.')
    const { observation } = await observer('clean', 'id', { allows, deadlineMs: 150_000 }).look(page)
    expect(observation.text).toContain(`<iframe> (other.localhost:${port} is not allowed here) </iframe>`)
    expect(observation.elements.map(({ name }) => name)).toEqual(['inside', 'press'])
  })
})

describe.skipIf(!CHROMIUM)('targets', { timeout: 180_000 }, () => {
  test('hold on to their node whatever the page does to its attributes', async () => {
    const view = await see('<a href="good" id="a">good</a><a href="bad" id="b">bad</a>')
    const target = await targetOf(view, 'good')
    await page.evaluate(() => {
      const [a, b] = [document.getElementById('a'), document.getElementById('b')] as [
        HTMLElement,
        HTMLElement,
      ]
      a.id = 'b'
      b.id = 'a'
      b.parentElement?.insertBefore(b, a)
      Document.prototype.querySelector = () => b
      Element.prototype.getAttribute = () => 'lie'
    })
    expect(await target.call((node, name) => node.getAttribute(name), 'href')).toBe('good')
  })

  test('scroll into view, are covered, and go', async () => {
    const view = await see(
      '<div style="height:3000px"></div><a href="x" id="a">far</a><label for="c">named</label><input type="checkbox" id="c">',
    )
    const far = await targetOf(view, 'far')
    expect(far.box?.y).toBeGreaterThan(720)
    const box = (await far.liveBox({ scroll: true })) as Box
    expect(box.y).toBeLessThan(720)
    expect(await far.receives(middle(box))).toBe(true)
    const named = await targetOf(view, 'named')
    const label = await page.locator('label').boundingBox()
    expect(await named.receives(middle(label as Box))).toBe(true)
    await page.evaluate(() => {
      const cover = document.createElement('div')
      cover.style.cssText = 'position:fixed;inset:0'
      document.body.append(cover)
    })
    expect(await far.receives(middle(box))).toBe(false)
    await page.evaluate(() => document.getElementById('a')?.remove())
    expect(await far.liveBox()).toBeUndefined()
    await expect(far.call((node) => node.tagName)).rejects.toMatchObject({ code: 'GONE' })
  })

  test('a reference to nothing is a sentence', async () => {
    const view = await see('<a href="x">one</a>')
    expect(await view.target('7')).toEqual({ error: 'there is no element with id 7 on this page' })
    expect(await view.target('two')).toEqual({ error: 'there is no element called "two" on this page' })
  })
})

describe.skipIf(!CHROMIUM)('hostile pages', { timeout: 180_000 }, () => {
  test('5 MB of DOM and 10,000 links', async () => {
    await page.setContent('<body></body>')
    await page.evaluate(() => {
      const links = Array.from({ length: 10_000 }, (_, i) => `<a href="/${i}">link ${i}</a>`)
      document.body.innerHTML = `${links.join(' ')}<p>${'lorem ipsum '.repeat(430_000)}</p>`
    })
    const { observation } = await clean.look(page)
    expect(observation.elements).toHaveLength(10_000)
    expect(Array.from(observation.text).length).toBeLessThan(400_100)
    expect(observation.text).toMatch(/\[the page goes on for \d+ characters\]$/)
  })

  test('elements inside each other 600 deep', async () => {
    await page.setContent('<body></body>')
    await page.evaluate(() => {
      let inner: Element = document.body
      for (let i = 0; i < 600; i++) inner = inner.appendChild(document.createElement('div'))
      inner.innerHTML = '<a href="x">bottom</a>'
    })
    expect((await clean.look(page)).observation.elements.map(({ name }) => name)).toEqual(['bottom'])
  })

  test('a page that leaves at once is seen where it arrives', async () => {
    await page.goto(`http://one.localhost:${port}/restless`, { waitUntil: 'commit' })
    await page.waitForURL('**/calm')
    expect((await clean.look(page)).observation.text).toContain('at rest')
  })

  test('a closed page is a failure of the environment', async () => {
    const other = await browser.newPage()
    await other.close()
    await expect(clean.look(other)).rejects.toBeInstanceOf(EnvironmentError)
  })

  test('a page whose scripts never end is given up at the deadline', async () => {
    const other = await browser.newPage()
    await other.setContent('<b>busy</b>')
    void other.evaluate('setTimeout(() => { for (;;); }, 0)').catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 200))
    await expect(observer('clean', 'id', { deadlineMs: 1_500 }).look(other)).rejects.toMatchObject({
      code: 'DEADLINE',
    })
  })
})
