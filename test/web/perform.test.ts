/** Actions in Chromium, the robust manner: what they do to a page, and what is said when they cannot be done. */
import { type Browser, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Action } from '../../lib/web/action.ts'
import { keyCombination } from '../../lib/web/chromium/perform-keys.ts'
import { cleanObserver } from '../../lib/web/observe/clean.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'
import { type Acting, actingOn } from './perform-hands.ts'

const OK = { ok: true }
const error = (sentence: string) => ({ ok: false, error: sentence })
const click = (element: string): Action => ({ kind: 'click', element })
const type = (element: string, argument: string): Action => ({ kind: 'type', element, argument })
const select = (element: string, argument: string): Action => ({ kind: 'select', element, argument })

describe('key combinations', () => {
  test.each([
    ['Enter', 'Enter'],
    ['ctrl+a', 'Control+a'],
    ['Meta+A', 'ControlOrMeta+A'],
    ['shift + Tab', 'Shift+Tab'],
    ['+', '+'],
    ['Control++', 'Control++'],
    ['esc', 'Escape'],
    ['f5', 'F5'],
    ['é', 'é'],
    [' ', 'Space'],
  ])('%s is %s', (text, keys) => expect(keyCombination(text)).toEqual({ keys }))

  test.each([
    ['', /received no text/],
    ['Foo', /no key "Foo"/],
    ['Control+Foo', /no key "Foo"/],
    ['a+b', /"a" is not held down/],
    ['Enter+Tab', /"Enter" is not held down/],
    ['Control+é', /no key "é" that could be pressed/],
  ])('%j is refused', (text, sentence) => {
    expect(keyCombination(text)).toEqual({ error: expect.stringMatching(sentence) })
  })
})

describe.skipIf(CHROMIUM === undefined)('in Chromium (needs chromium, or MIRA_CHROMIUM)', () => {
  let browser: Browser
  let on: Acting
  beforeAll(async () => {
    browser = await chromium.launch(LAUNCH)
  })
  afterAll(() => browser?.close())
  afterEach(() => on?.close())

  const open = async (html: string, tabs = 1) => {
    on = await actingOn(browser, html, cleanObserver('name'), { tabs })
    return on
  }
  const said = () => on.page.evaluate(() => document.querySelector('output')?.textContent)
  const value = (selector: string) => on.page.locator(selector).inputValue()

  describe('clicking', () => {
    test('a button, a link far below, a check box, a label, a radio button', async () => {
      const { act, page } = await open(`<output></output>
        <button onclick="document.querySelector('output').textContent += 'pressed '">Press</button>
        <label><input type="checkbox" id="c"> Agree</label>
        <label for="r">Red</label><input type="radio" id="r" name="colour" hidden>
        <input type="radio" id="b" name="colour" aria-label="Blue">
        <div style="height:3000px"></div>
        <a href="#end" onclick="document.querySelector('output').textContent += 'followed'">Far</a>`)
      expect(await act(click('Press'))).toEqual(OK)
      expect(await act(click('Agree'))).toEqual(OK)
      expect(await act(click('Blue'))).toEqual(OK)
      expect(await act(click('Far'))).toEqual(OK)
      expect(await said()).toBe('pressed followed')
      expect(await page.locator('#c').isChecked()).toBe(true)
      expect(await page.locator('#b').isChecked()).toBe(true)
    })

    test('what lies over the element is named, and nothing is clicked', async () => {
      const { act } = await open(`<output></output>
        <button onclick="document.querySelector('output').textContent = 'pressed'">Press</button>
        <div style="position:fixed;inset:0;background:#fff8"><h2>Cookie settings</h2><p>We care.</p></div>`)
      expect(await act(click('Press'))).toEqual(
        error('"Press" is covered by "Cookie settings"; deal with that first'),
      )
      expect(await said()).toBe('')
    })

    test('a part that is free is enough, and a fixed bar is scrolled away from', async () => {
      const { act } = await open(`<output></output>
        <div style="position:fixed;top:0;left:0;right:0;height:120px;background:#ccc">Menu</div>
        <div style="height:1000px"></div>
        <button onclick="document.querySelector('output').textContent += 'first '">First</button>
        <div style="height:2000px"></div>
        <div style="position:relative;width:300px">
          <button style="width:300px;height:40px" onclick="document.querySelector('output').textContent += 'wide'">Wide</button>
          <div style="position:absolute;left:100px;top:0;width:100px;height:40px;background:red"></div>
        </div>`)
      expect(await act(click('Wide'))).toEqual(OK)
      expect(await act(click('First'))).toEqual(OK)
      expect(await said()).toBe('widefirst ')
    })

    test('a moving element is waited for', async () => {
      const { act } = await open(`<output></output><style>
        @keyframes slide { from { transform: translateX(0) } to { transform: translateX(400px) } }
        button { animation: slide 300ms linear forwards }</style>
        <button onclick="document.querySelector('output').textContent = 'pressed'">Press</button>`)
      expect(await act(click('Press'))).toEqual(OK)
      expect(await said()).toBe('pressed')
    })

    test('what the mouse moves away is followed', async () => {
      const { act } = await open(`<output></output><div id="gap"></div>
        <button style="display:block" onmouseenter="document.getElementById('gap').style.height='200px'"
          onclick="document.querySelector('output').textContent = 'pressed'">Press</button>`)
      expect(await act(click('Press'))).toEqual(OK)
      expect(await said()).toBe('pressed')
    })

    test('elements that are gone, disabled, unseen or unknown', async () => {
      const { act, actOn, look, page } = await open(`<button id="a">A</button><button id="b">B</button>
        <div role="button" aria-disabled="false" id="d">D</div><input type="file" aria-label="Photo">`)
      const view = await look()
      await page.evaluate(() => {
        document.getElementById('a')?.remove()
        document.getElementById('b')?.setAttribute('disabled', '')
        document.getElementById('d')?.setAttribute('style', 'display: none')
      })
      expect(await actOn(view, click('A'))).toEqual(
        error('the element is no longer on the page; observe the page again'),
      )
      expect(await actOn(view, click('B'))).toEqual(error('"B" is disabled'))
      expect(await actOn(view, click('D'))).toEqual(error('"D" is not visible on the page'))
      expect(await act(click('E'))).toEqual(error('there is no element called "E" on this page'))
      expect(await act(click('Photo'))).toEqual(error('"Photo" takes a file, and there are none to give'))
    })

    test('hovering and the right button', async () => {
      const { act } = await open(`<output style="display:block;height:20px"></output>
        <button onmouseenter="document.querySelector('output').textContent += 'over '"
          oncontextmenu="document.querySelector('output').textContent += 'menu'; return false">Item</button>`)
      expect(await act({ kind: 'hover', element: 'Item' })).toEqual(OK)
      expect(await act({ kind: 'right_click', element: 'Item' })).toEqual(OK)
      expect(await said()).toBe('over menu')
    })
  })

  describe('typing', () => {
    test('replaces what is there, appends behind it, empties it', async () => {
      const { act } = await open(`<input aria-label="Name" value="old text">
        <input type="email" aria-label="Mail" value="a@b"><textarea aria-label="Note">one</textarea>`)
      expect(await act(type('Name', 'new "text" é 😀'))).toEqual(OK)
      expect(await value('[aria-label=Name]')).toBe('new "text" é 😀')
      expect(await act({ kind: 'type', element: 'Mail', argument: '.org', append: true })).toEqual(OK)
      expect(await value('[aria-label=Mail]')).toBe('a@b.org')
      expect(await act({ kind: 'type', element: 'Note', argument: '\ntwo', append: true })).toEqual(OK)
      expect(await value('textarea')).toBe('one\ntwo')
      expect(await act(type('Name', ''))).toEqual(OK)
      expect(await value('[aria-label=Name]')).toBe('')
      expect(await act(type('Note', 'x'.repeat(5000)))).toEqual(OK)
      expect(await value('textarea')).toBe('x'.repeat(5000))
    })

    test('key by key where the page listens, and a line break does not send the form', async () => {
      const { act } =
        await open(`<output></output><form onsubmit="document.querySelector('output').textContent='sent'; return false">
        <input aria-label="Find" oninput="document.title = this.value.length"></form>`)
      expect(await act(type('Find', 'red\nlamp'))).toEqual(OK)
      expect(await value('input')).toBe('red lamp')
      expect(await on.page.title()).toBe('8')
      expect(await said()).toBe('')
      expect(await act({ kind: 'search', element: 'Find', argument: 'lamp' })).toEqual(OK)
      expect(await said()).toBe('sent')
    })

    test('an editable element, and a field that a click brings up', async () => {
      const { act, page } = await open(`<div contenteditable aria-label="Body"><p>old <b>text</b></p></div>
        <div role="combobox" aria-label="Place" style="height:20px"
          onclick="this.innerHTML='<input id=q>'; this.firstChild.focus()">choose</div>`)
      expect(await act(type('Body', 'new\nline'))).toEqual(OK)
      expect(await page.locator('[contenteditable]').innerText()).toBe('new\nline')
      expect(await act({ kind: 'type', element: 'Body', argument: '!', append: true })).toEqual(OK)
      expect(await page.locator('[contenteditable]').innerText()).toBe('new\nline!')
      expect(await act(type('Place', 'Oslo'))).toEqual(OK)
      expect(await value('#q')).toBe('Oslo')
    })

    test('dates, numbers and colours', async () => {
      const { act } =
        await open(`<input type="date" aria-label="Day"><input type="number" aria-label="Count" value="3">
        <input type="color" aria-label="Paint"><input type="range" aria-label="Loud" min="0" max="9"><input type="time" aria-label="Hour">`)
      expect(await act(type('Day', '2024-05-31'))).toEqual(OK)
      expect(await value('[aria-label=Day]')).toBe('2024-05-31')
      expect(await act(type('Day', 'tomorrow'))).toEqual(
        error('"Day" takes a date such as 2024-05-31, received "tomorrow"'),
      )
      expect(await value('[aria-label=Day]')).toBe('2024-05-31')
      expect(await act(type('Count', '12'))).toEqual(OK)
      expect(await act({ kind: 'type', element: 'Count', argument: '5', append: true })).toEqual(OK)
      expect(await value('[aria-label=Count]')).toBe('125')
      expect(await act(type('Count', 'many'))).toEqual(error('"Count" takes a number, received "many"'))
      expect(await act(type('Hour', '14:30'))).toEqual(OK)
      expect(await value('[aria-label=Hour]')).toBe('14:30')
      expect(await act(type('Loud', '7'))).toEqual(OK)
      expect(await value('[aria-label=Loud]')).toBe('7')
      expect(await act(type('Loud', 'very'))).toEqual(error('"Loud" takes a number, received "very"'))
      expect(await act(type('Paint', '#ff0000'))).toEqual(OK)
      expect(await act(type('Paint', 'red'))).toEqual(
        error('"Paint" takes a colour such as #ff0000, received "red"'),
      )
    })

    test('what is no text field, read-only or covered', async () => {
      const { act } = await open(`<a href="#x">Link</a><input aria-label="Fixed" readonly value="1">
        <select aria-label="List"><option>a</option></select>
        <div style="position:relative"><input aria-label="Below"><div style="position:absolute;inset:0;background:#fff">Please wait</div></div>`)
      expect(await act(type('Link', 'x'))).toEqual(error('"Link" is a link, typing needs a text field'))
      expect(await act(type('List', 'x'))).toEqual(error('"List" is a select, typing needs a text field'))
      expect(await act(type('Fixed', 'x'))).toEqual(error('"Fixed" is read-only'))
      expect(await act(type('Below', 'x'))).toEqual(
        error('"Below" is covered by "Please wait"; deal with that first'),
      )
    })
  })

  describe('selecting', () => {
    test('exactly, then whatever the case, then as a part; the page hears of it', async () => {
      const { act } = await open(`<output></output>
        <select aria-label="Sort" onchange="document.querySelector('output').textContent += this.value + ' '">
          <option value="0">none</option><option value="1">Price, rising</option><option value="2">price</option>
          <option value="3" disabled>stock</option><option>age</option></select>`)
      for (const wanted of ['price', 'PRICE, RISING', 'rising', ' age ']) {
        expect(await act(select('Sort', wanted))).toEqual(OK)
      }
      expect(await said()).toBe('2 1 1 age ')
      expect(await act(select('Sort', 'stock'))).toEqual(error('the option "stock" of "Sort" is disabled'))
      expect(await act(select('Sort', 'colour'))).toEqual(error('"Sort" has no option "colour"'))
      expect(await act(select('Sort', ''))).toEqual(error('"Sort" has no option ""'))
    })

    test('only in lists', async () => {
      const { act } = await open(
        '<button>Go</button><select multiple aria-label="Many"><option selected>a<option>b</select>',
      )
      expect(await act(select('Go', 'x'))).toEqual(error('"Go" is a button, not a list to select from'))
      expect(await act(select('Many', 'b'))).toEqual(OK)
      expect(await on.page.locator('select').evaluate((list: HTMLSelectElement) => list.value)).toBe('b')
    })
  })

  describe('keys, scrolling, tabs', () => {
    test('Enter needs a focus, other keys go where it is', async () => {
      const { act, page } = await open(`<output></output>
        <form onsubmit="document.querySelector('output').textContent='sent'; return false"><input aria-label="Find"></form>`)
      expect(await act({ kind: 'press_enter' })).toEqual(error('nothing has the focus; click or type first'))
      expect(await act(type('Find', 'abc'))).toEqual(OK)
      expect(await act({ kind: 'press_key', keys: 'Home' })).toEqual(OK)
      expect(await act({ kind: 'press_key', keys: 'Shift+ArrowRight' })).toEqual(OK)
      expect(await act({ kind: 'press_key', keys: 'X' })).toEqual(OK)
      expect(await act({ kind: 'press_key', keys: 'é' })).toEqual(OK)
      expect(await page.locator('input').inputValue()).toBe('Xébc')
      expect(await act({ kind: 'press_key', keys: 'Hyper' })).toMatchObject({ ok: false })
      expect(await act({ kind: 'press_enter' })).toEqual(OK)
      expect(await said()).toBe('sent')
    })

    test('by two thirds of the window, in whatever scrolls there', async () => {
      const { act, page } = await open('<div style="height:3000px"></div>')
      expect(await act({ kind: 'scroll_down' })).toEqual(OK)
      expect(await page.evaluate(() => scrollY)).toBe(400)
      expect(await act({ kind: 'scroll_up' })).toEqual(OK)
      expect(await page.evaluate(() => scrollY)).toBe(0)
      await page.setContent(
        `<div id="box" style="position:fixed;inset:0;overflow:auto"><div style="height:3000px"></div></div>`,
      )
      expect(await act({ kind: 'scroll_down' })).toEqual(OK)
      expect(await page.evaluate(() => document.getElementById('box')?.scrollTop)).toBe(400)
    })

    test('tabs by number, and the address bar', async () => {
      const one = await open('<p>x</p>')
      expect(await one.act({ kind: 'switch_tab', argument: '0' })).toEqual(error('there is only one tab'))
      expect(await one.act({ kind: 'close_tab' })).toEqual(error('there is only one tab'))
      await one.close()
      const { act, asked } = await open('<p>x</p>', 3)
      expect(await act({ kind: 'switch_tab', argument: 'last' })).toEqual(
        error('Switch Tab expects the number of a tab from 0 to 2, received "last"'),
      )
      await act({ kind: 'switch_tab', argument: '2' })
      await act({ kind: 'new_tab' })
      await act({ kind: 'close_tab' })
      await act({ kind: 'goto', url: '/x' })
      await act({ kind: 'go_backward' })
      await act({ kind: 'go_forward' })
      expect(asked).toEqual(['tab 2', 'new tab', 'close tab', 'goto /x', 'travel -1', 'travel 1'])
    })

    test('nothing to do, and nothing that is an action', async () => {
      const { act } = await open('<p>x</p>')
      expect(await act({ kind: 'exit', message: 'done' })).toEqual(OK)
      expect(await act({ kind: 'wait' })).toEqual(OK)
      expect(await act({ kind: 'invalid', reason: 'what?' })).toEqual(error('what?'))
    })

    test('a page that closes itself is no failure while there is another tab', async () => {
      const { act } = await open('<button onclick="window.close()">Close</button>', 2)
      expect(await act(click('Close'))).toEqual(OK)
    })
  })

  test('inside a frame', async () => {
    const { act, page } =
      await open(`<div style="height:900px"></div><iframe style="margin-left:50px;width:300px;height:200px"
      srcdoc="<div style='height:500px'></div><button onclick='this.textContent=&quot;done&quot;'>Inner</button><input aria-label='Field'>"></iframe>`)
    expect(await act(click('Inner'))).toEqual(OK)
    expect(await act(type('Field', 'hello'))).toEqual(OK)
    const frame = page.frames()[1]
    expect(await frame?.locator('button').textContent()).toBe('done')
    expect(await frame?.locator('input').inputValue()).toBe('hello')
  })
})
