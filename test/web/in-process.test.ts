/** The in-process browser: links, forms, history, and what cannot be done. */
import { describe, expect, test } from 'vitest'
import type { Task } from '../../lib/tasks/task.ts'
import type { Action } from '../../lib/web/action.ts'
import { parseAction } from '../../lib/web/grammar.ts'
import { type InProcessBackend, inProcessDriver } from '../../lib/web/in-process.ts'
import type { Addressing } from '../../lib/web/observation.ts'

/** A web of literal pages; the world is the log of its requests. */
function backendOf(pages: Record<string, string | Response | (() => Response)>): InProcessBackend<string[]> {
  return {
    createWorld: () => [],
    async fetch(request, log) {
      const { pathname, search } = new URL(request.url)
      log.push(
        `${request.method} ${pathname}${search} ${request.method === 'POST' ? await request.text() : ''}`.trim(),
      )
      const page = pages[`${request.method} ${pathname}`] ?? pages[pathname]
      if (typeof page === 'function') return page()
      if (page instanceof Response) return page.clone()
      return page === undefined ? new Response('<h1>missing</h1>', { status: 404 }) : new Response(page)
    },
  }
}

const TASK = { start_url: 'http://shop.test/' } as Task
const open = (pages: Parameters<typeof backendOf>[0], addressing: Addressing = 'name') =>
  inProcessDriver(backendOf(pages)).open(TASK, { addressing })
const say = (text: string): Action => parseAction(text)
const to = (location: string, status = 303) => new Response(null, { status, headers: { location } })

describe('links and history', () => {
  const pages = {
    '/': '<title>home</title><a href="/a">A page</a><a href="b?x=1">b</a><a href="mailto:x@y">write</a><a href="/r">old</a>',
    '/a': '<h1>a</h1><a href="/">home</a>',
    '/b': '<h1>b</h1>',
    '/r': to('/a', 301),
  }

  test('relative links, backward, forward, and a new branch', async () => {
    const s = await open(pages)
    expect((await s.observe()).title).toBe('home')
    expect(await s.act(say('do(action="Click", element="b")'))).toEqual({ ok: true })
    expect((await s.observe()).url).toBe('http://shop.test/b?x=1')
    expect(await s.act(say('go_forward()'))).toEqual({ ok: false, error: 'there is no later page' })
    expect(await s.act(say('go_backward()'))).toEqual({ ok: true })
    expect(await s.act(say('go_forward()'))).toEqual({ ok: true })
    expect((await s.observe()).url).toBe('http://shop.test/b?x=1')
    await s.act(say('go_backward()'))
    await s.act(say('do(action="Click", element="a page")'))
    expect((await s.observe()).text).toBe('<h1>a</h1><a>home</a>')
    expect((await s.act(say('go_forward()'))).ok).toBe(false)
    await s.act(say('go_backward()'))
    expect(await s.act(say('go_backward()'))).toEqual({ ok: false, error: 'there is no earlier page' })
  })

  test('redirects are followed, other schemes are not', async () => {
    const s = await open(pages)
    expect((await s.act(say('do(action="Click", element="write")'))).ok).toBe(false)
    await s.act(say('do(action="Click", element="old")'))
    expect((await s.observe()).url).toBe('http://shop.test/a')
  })

  test('a redirect loop and a failing site are environment errors, a missing page is a page', async () => {
    const s = await open({ ...pages, '/a': to('/a') })
    await expect(s.act(say('do(action="Click", element="A page")'))).rejects.toMatchObject({
      code: 'ENVIRONMENT',
    })
    const broken = open({
      '/': () => {
        throw new Error('bug')
      },
    })
    await expect(broken).rejects.toMatchObject({ code: 'ENVIRONMENT', cause: new Error('bug') })
    await expect(open({ '/': new Response('x', { status: 500 }) })).rejects.toMatchObject({
      code: 'ENVIRONMENT',
    })
    expect((await (await open({})).observe()).text).toBe('<h1>missing</h1>')
  })

  test('a page opened for an evaluator leaves the agent where it is', async () => {
    const s = await open(pages)
    expect(await (await s.open('http://shop.test/a')).html()).toContain('<h1>a</h1>')
    expect((await s.snapshot()).url).toBe('http://shop.test/')
  })

  test('an aborted session stops', async () => {
    const stop = new AbortController()
    const s = await inProcessDriver(backendOf(pages)).open(TASK, { addressing: 'name', signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(s.observe()).rejects.toThrow('enough')
    await expect(s.act(say('go_backward()'))).rejects.toThrow('enough')
  })
})

describe('forms', () => {
  const form = `<form method="post" action="/send">
    <input type="hidden" name="token" value="t1"><label>title<input name="title" value="old"></label>
    <label>kind<select name="kind"><option>a</option><option value="2" selected>two</option></select></label>
    <label><input type="checkbox" name="gift" value="yes">gift</label>
    <label><input type="radio" name="size" value="s" checked>small</label><label><input type="radio" name="size" value="l">large</label>
    <label>note<textarea name="note">hello</textarea></label><input name="off" value="x" disabled>
    <button name="verb" value="save">save</button><button name="verb" value="drop">drop</button><button type="reset">undo</button>
    <button type="button">idle</button></form>`
  const pages = { '/': form, 'POST /send': to('/done'), '/done': '<h1>done</h1>' }
  const last = (log: string[]) => log.at(-2)

  test('a POST sends the untouched values and the pressed button, then follows the redirect with GET', async () => {
    const s = await open(pages)
    await s.act(say('do(action="Click", element="drop")'))
    expect(last(s.world)).toBe('POST /send token=t1&title=old&kind=2&size=s&note=hello&verb=drop')
    expect((await s.observe()).url).toBe('http://shop.test/done')
  })

  test('typing, selecting, ticking and choosing show in the observation and in what is sent', async () => {
    const s = await open(pages)
    for (const line of [
      'do(action="Type", element="title", argument="new & old")',
      'do(action="Select Dropdown Option", element="kind", argument="A")',
      'do(action="Click", element="gift")',
      'do(action="Click", element="large")',
      'do(action="Type", element="note", argument="bye")',
    ]) {
      expect(await s.act(say(line))).toEqual({ ok: true })
    }
    const { text, elements } = await s.observe()
    expect(text).toContain('<input value="new & old">title</input>')
    expect(text).toContain('<select>kind<option selected>a</option><option>two</option></select>')
    expect(text).toContain('<input type="checkbox" checked>gift</input>')
    expect(elements.find((e) => e.name === 'small')?.checked).toBe(false)
    await s.act(say('do(action="Click", element="save")'))
    expect(last(s.world)).toBe(
      'POST /send token=t1&title=new+%26+old&kind=a&gift=yes&size=l&note=bye&verb=save',
    )
  })

  test('reset undoes, a plain button does nothing', async () => {
    const s = await open(pages)
    const before = (await s.observe()).text
    await s.act(say('do(action="Type", element="title", argument="new")'))
    await s.act(say('do(action="Click", element="gift")'))
    await s.act(say('do(action="Click", element="undo")'))
    expect((await s.observe()).text).toBe(before)
    expect(await s.act(say('do(action="Click", element="idle")'))).toEqual({ ok: true })
    expect(s.world).toHaveLength(1)
  })

  test('Search and Press Enter submit implicitly, with the default button', async () => {
    const search =
      '<form action="/q?drop=1"><input type="search" aria-label="search" name="q"><button name="go" value="1">go</button></form>'
    const s = await open({ '/': search, '/q': search })
    expect(await s.act(say('do(action="Press Enter")'))).toMatchObject({ ok: false })
    await s.act(say('do(action="Search", element="search", argument="red lamp")'))
    expect(s.world.at(-1)).toBe('GET /q?q=red+lamp&go=1')
    await s.act(say('do(action="Type", element="search", argument="x")'))
    await s.act(say('do(action="Press Enter")'))
    expect(s.world.at(-1)).toBe('GET /q?q=x&go=1')
  })

  test('a page that answered a POST is shown again as it was when going back', async () => {
    const s = await open({ ...pages, 'POST /send': '<h1>wrong</h1><a href="/done">on</a>' })
    await s.act(say('do(action="Click", element="save")'))
    await s.act(say('do(action="Click", element="on")'))
    await s.act(say('go_backward()'))
    expect((await s.observe()).text).toContain('wrong')
    expect(s.world.filter((line) => line.startsWith('POST'))).toHaveLength(1)
  })

  test('what cannot be done is a step with a sentence', async () => {
    const s = await open({
      '/': '<a href="/">lamp</a><input aria-label="fixed" readonly><input aria-label="lone"><select aria-label="list"><option>a</option></select>',
    })
    const error = async (line: string) => {
      const outcome = await s.act(say(line))
      return outcome.ok ? 'ok' : outcome.error
    }
    expect(await error('do(action="Click", element="desk")')).toBe(
      'there is no element called "desk" on this page',
    )
    expect(await error('do(action="Type", element="lamp", argument="x")')).toMatch(/is a link/)
    expect(await error('do(action="Type", element="fixed", argument="x")')).toMatch(/read-only/)
    expect(await error('do(action="Search", element="lone", argument="x")')).toMatch(/no form/)
    expect(await error('do(action="Select Dropdown Option", element="list", argument="z")')).toMatch(
      /no option "z"/,
    )
    expect(await error('do(action="Select Dropdown Option", element="lamp", argument="z")')).toMatch(
      /not a list/,
    )
    expect(await error('do(action="Switch Tab", argument="1")')).toMatch(/one tab/)
    expect(await error('nonsense')).toMatch(/expected one action/)
    expect(await error('do(action="Hover", element="lamp")')).toBe('ok')
  })
})

test('elements: exact name first, then any case, the first of several; ids only where they are shown', async () => {
  const pages = { '/': '<a href="/1">Go</a><a href="/2">go</a><a href="/3">go</a><a href="/4">0</a>' }
  const where = async (addressing: Addressing, element: string) => {
    const s = await open(pages, addressing)
    const outcome = await s.act({ kind: 'click', element })
    return outcome.ok ? new URL((await s.observe()).url).pathname : outcome.error
  }
  expect(await where('name', 'go')).toBe('/2')
  expect(await where('name', 'GO')).toBe('/1')
  expect(await where('name', '0')).toBe('/4')
  expect(await where('name', '2')).toMatch(/no element called/)
  expect(await where('id', '2')).toBe('/3')
  expect(await where('id', '0')).toBe('/1')
  expect(await where('id', '9')).toMatch(/no element with id 9/)
  expect(await where('id', 'Go')).toBe('/1')
})

test('sessions do not see each other', async () => {
  const driver = inProcessDriver(backendOf({ '/': '<input aria-label="q">' }))
  const many = await Promise.all(Array.from({ length: 50 }, () => driver.open(TASK, { addressing: 'name' })))
  await Promise.all(many.map((s, i) => s.act({ kind: 'type', element: 'q', argument: `v${i}` })))
  for (const [i, s] of many.entries()) expect((await s.observe()).text).toBe(`<input value="v${i}">q</input>`)
})
