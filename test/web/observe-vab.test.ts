/**
 * The vab dialect against recorded outputs of the published code, on pages and on MiniWoB++; its text rules case by
 * case; and what its targets hold on to.
 */
import { existsSync, readFileSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { observer } from '../../lib/web/observe/index.ts'
import { type LxmlElement, parseAsLxml } from '../../lib/web/observe/vab/html.ts'
import { vabText } from '../../lib/web/observe/vab/text.ts'
import { type MiniwobPages, miniwobSource, openPages } from '../../lib/suites/miniwob/pages.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'

interface Golden {
  html?: string
  task?: string
  seed?: number
  viewport: [number, number]
  scrollY?: number
  output: string
}

const FIXTURE = new URL('../../../shared/webarena/vab_html_simplify.json', import.meta.url)
const golden: [string, Golden][] = existsSync(FIXTURE)
  ? Object.entries(JSON.parse(readFileSync(FIXTURE, 'utf8')).cases)
  : []
const MINIWOB = miniwobSource(process.env)
if (golden.length === 0) console.warn('skipped: recorded outputs are absent; put them at ../shared/webarena')
if (!MINIWOB) console.warn('skipped: MiniWoB++ cases; set MINIWOB_URL to its html/miniwob/ folder')

/** Boxes depend on fonts, and MiniWoB++'s clock on the moment. */
const masked = (text: string) =>
  text.replace(/data-bbox="[^"]*"/g, 'data-bbox=""').replace(/\d+ \/ 1000sec/g, 'N / 1000sec')

let browser: Browser
let miniwob: MiniwobPages | undefined
beforeAll(async () => {
  if (!CHROMIUM) return
  browser = await chromium.launch(LAUNCH)
  if (MINIWOB) miniwob = await openPages(MINIWOB)
})
afterAll(async () => {
  await browser?.close()
  await miniwob?.close()
})

async function withPage<T>(use: (page: Page) => Promise<T>, [width, height] = [1280, 720]): Promise<T> {
  const context = await browser.newContext({ viewport: { width, height } })
  try {
    return await use(await context.newPage())
  } finally {
    await context.close()
  }
}

const look = observer('vab', 'id', { pauses: false, deadlineMs: 150_000 })

async function startMiniwob(page: Page, { task, seed }: Golden): Promise<void> {
  await page.goto(`${miniwob?.baseUrl}${task}.html`)
  await page.waitForFunction('document.querySelector("#sync-task-cover") !== null')
  await page.evaluate(`Math.seedrandom(${seed}); core.EPISODE_MAX_TIME = 1000000; core.startEpisodeReal()`)
  await page.waitForFunction('WOB_TASK_READY')
}

describe.skipIf(!CHROMIUM)('recorded outputs of the published code', { timeout: 180_000 }, () => {
  test.each(golden.filter(([, { html }]) => html !== undefined))('%s', (_, recorded) =>
    withPage(async (page) => {
      await page.setContent(recorded.html ?? '')
      if (recorded.scrollY) {
        await look.look(page)
        await page.mouse.wheel(0, recorded.scrollY)
        await page.waitForFunction((y) => window.scrollY === y, recorded.scrollY)
      }
      const { observation } = await look.look(page)
      expect(masked(observation.text)).toBe(masked(recorded.output))
    }, recorded.viewport),
  )

  test.skipIf(!MINIWOB).each(golden.filter(([, { task }]) => task !== undefined))('%s', (_, recorded) =>
    withPage(async (page) => {
      await startMiniwob(page, recorded)
      const { observation } = await look.look(page)
      expect(masked(observation.text)).toBe(masked(recorded.output))
    }, recorded.viewport),
  )
})

const wrap = (inside: string) =>
  `<html data-bbox="0,0,9,9"><head></head><body data-bbox="0,0,9,9">${inside}</body></html>`
const line = (inside: string, latin1 = false) => vabText(wrap(inside), { width: 1280, height: 720, latin1 })
const BOX = 'data-bbox="1,1,5,5"'

describe('the text', () => {
  test('attributes come in a fixed order, trimmed, without empty and repeated values', () => {
    expect(
      line(
        `<input data-status="checked" value="Search" type="text" title="Search" placeholder=" Go " name="n" data-text="" ${BOX}>`,
      ),
    ).toBe(`<input title="Search" type="text" placeholder="Go" ${BOX} data-status="checked"> </input>`)
  })

  test('type="hidden" is no attribute, nothing is escaped, text ends at the first child', () => {
    expect(line(`<p ${BOX} title="a &quot;b&quot;">x &lt; y<b ${BOX}>in</b>tail</p>`)).toBe(
      `<p title="a "b"" ${BOX}> x < y <b ${BOX}> in </b> </p>`,
    )
    expect(line(`<input type="hidden" ${BOX}>`)).toBe('')
  })

  test('where a page names no charset, what is not ASCII is garbled as in the published text', () => {
    expect(vabText(wrap(`<p ${BOX}>café</p>`), { width: 1280, height: 720 })).toContain('> cafÃ© <')
    expect(line(`<p ${BOX}>café</p>`)).toContain('> café <')
    const named = wrap(`<p ${BOX}>café</p>`).replace('<head>', '<head><meta charset="utf-8">')
    expect(vabText(named, { width: 1280, height: 720 })).toContain('> café <')
  })

  test('boxes touch the viewport with their edges', () => {
    expect(line('<p data-bbox="1280,720,0,0">in</p>')).toContain('> in <')
    expect(line('<p data-bbox="1281,0,9,9">out</p>')).toBe('')
    expect(line('<p data-bbox="-10,0,9,9">out</p>')).toBe('')
    expect(line('<p>no box</p>')).toBe('')
    expect(line('<p data-bbox="0,0,9,9" aria-hidden="true">hidden</p>')).toBe('')
  })

  test('wrappers of one thing are left out, of two are kept', () => {
    const item = (text: string) => `<b ${BOX}>${text}</b>`
    expect(line(`<div ${BOX}>${item('one')}</div>`)).toBe(`<b ${BOX}> one </b>`)
    expect(line(`<div ${BOX}>${item('one')}${item('two')}</div>`)).toBe(
      `<div ${BOX}> ${`<b ${BOX}> one </b> <b ${BOX}> two </b>`} </div>`,
    )
  })

  test('options of a kept select are kept without a box', () => {
    expect(
      line(
        `<select ${BOX} data-label-id="3"><option>a</option><optgroup><option>b</option></optgroup></select>`,
      ),
    ).toBe(`<select id="3" ${BOX}> <option> a </option> </select>`)
  })

  test('texts end after 500 code points', () => {
    expect(line(`<p ${BOX}>${'😀'.repeat(501)}</p>`)).toBe(`<p ${BOX}> ${'😀'.repeat(500)} </p>`)
  })

  test('text is decoded, or garbled as published where asked for and no charset is named before it', () => {
    expect(line(`<p ${BOX}>caf\u00e9</p>`)).toBe(`<p ${BOX}> caf\u00e9 </p>`)
    expect(line(`<p ${BOX}>caf\u00e9</p>`, true)).toBe(`<p ${BOX}> caf\u00c3\u00a9 </p>`)
    expect(line(`<meta charset="utf-8"><p ${BOX}>caf\u00e9</p>`, true)).toBe(`<p ${BOX}> caf\u00e9 </p>`)
  })
})

/** The tree as lxml 6.1.3 with libxml2 2.14.6 gives it, written as tag(children). */
describe('tags that close others, as lxml reads them', () => {
  const shape = ({ tag, children }: LxmlElement): string =>
    children.length > 0 ? `${tag}(${children.map(shape).join(' ')})` : tag
  test.each([
    ['<p>d<div>e</div>f</p>', 'p div'],
    ['<a>1<table><tr><td>2</td></tr></table></a>', 'a table(tr(td))'],
    ['a<wbr>b<b>c</b>', 'wbr(b)'],
    ['<br><img><hr><input><b></b>', 'br img hr input b'],
    ['<h1><p>x</p></h1><i></i>', 'h1 p i'],
    ['<ul><form><li></li></form></ul>', 'ul form(li)'],
    ['<div><b></div><i></i>', 'div(b) i'],
    ['<table><tbody><tr><td><div></td></tr></tbody></table><i></i>', 'table(tbody(tr(td(div)))) i'],
    [
      '<iframe><b>x</b></iframe><textarea><b></textarea><noscript><b></b></noscript>',
      'iframe textarea noscript(b)',
    ],
    ['<template><i>t</i></template>', 'template(i)'],
    ['</p><b></b>', 'b'],
  ])('%s', (html, expected) => {
    expect(parseAsLxml(`<html><head></head><body>${html}</body></html>`).children.map(shape).join(' ')).toBe(
      `head body(${expected})`,
    )
  })
})

describe.skipIf(!CHROMIUM)('what is numbered', { timeout: 180_000 }, () => {
  test.each([
    ['<a href="x">t</a>', true],
    ['<b>t</b>', false],
    ['<b onclick="1">t</b>', true],
    ['<b style="cursor:pointer">t</b>', true],
    ['<b role="Tab">t</b>', true],
    ['<b role="option">t</b>', false],
    ['<b contenteditable>t</b>', true],
    ['<b contenteditable="false">t</b>', false],
    ['<b jsaction="a.b">t</b>', true],
    ['<b jsaction="a">t</b>', false],
    ['<b jsaction="focus:a.b">t</b>', false],
    ['<b jsaction="click:none.b">t</b>', false],
    ['<label>t<i hidden></i></label>', false],
    ['<b class="my-Buttons">t</b>', true],
    ['<b tabindex="0">t</b>', true],
    ['<b tabindex="-1">t</b>', false],
    ['<button disabled>t</button>', true],
    ['<details><summary>t</summary></details>', true],
    ['<b onclick="1" style="display:inline-block;width:1px;height:.5px;overflow:hidden">t</b>', false],
    ['<a href="x" style="position:absolute;top:2000px">t</a>', false],
  ])('%s: %s', (html, numbered) =>
    withPage(async (page) => {
      await page.setContent(html)
      expect((await look.look(page)).observation.elements).toHaveLength(numbered ? 1 : 0)
    }),
  )

  test('numbers begin again with every look, and boxes of what was not clickable stay', () =>
    withPage(async (page) => {
      await page.setContent('<p id="p">text</p><a href="x">one</a><a href="y">two</a>')
      await look.look(page)
      await page.evaluate(() => {
        document.querySelector('a')?.remove()
        document.getElementById('p')?.style.setProperty('display', 'none')
      })
      const { observation } = await look.look(page)
      expect(observation.text).toMatch(/<p [^>]*> text <\/p> <a id="0" /)
      expect(observation.elements).toMatchObject([{ id: 0, kind: 'link', name: 'two' }])
    }))
})

describe.skipIf(!CHROMIUM)('targets', { timeout: 180_000 }, () => {
  test('follow the live label, while the box is the one that was observed', () =>
    withPage(async (page) => {
      await page.setContent('<a href="x" style="position:absolute;left:10px;top:10px">one</a><i>other</i>')
      const view = await look.look(page)
      const target = await view.target('0')
      if ('error' in target) throw new Error(target.error)
      expect(target.box).toMatchObject({ x: 10, y: 10 })
      await page.evaluate(() => {
        const link = document.querySelector('a') as HTMLElement
        link.style.left = '100px'
      })
      expect(target.box).toMatchObject({ x: 10, y: 10 })
      expect(await target.liveBox()).toMatchObject({ x: 100, y: 10 })
      await page.evaluate(() => {
        document.querySelector('a')?.removeAttribute('data-label-id')
        document.querySelector('i')?.setAttribute('data-label-id', '0')
      })
      expect(await target.call((node) => node.tagName)).toBe('I')
      await page.evaluate(() => document.querySelector('i')?.remove())
      expect(await target.liveBox()).toBeUndefined()
      await expect(target.call((node) => node.tagName)).rejects.toMatchObject({ code: 'GONE' })
      expect(await view.target('1')).toEqual({ error: 'there is no element with id 1 on this page' })
    }))
})
