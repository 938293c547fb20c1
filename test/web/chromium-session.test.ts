/** One episode in a real browser: tabs, dialogs, history, downloads, log-in, storage, pages for evaluators. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LocatorError } from '../../lib/tasks/locator.ts'
import {
  type ChromiumDriver,
  type ChromiumDriverOptions,
  chromiumDriver,
} from '../../lib/web/chromium/driver.ts'
import type { ChromiumSession } from '../../lib/web/chromium/session.ts'
import { EnvironmentError } from '../../lib/web/errors.ts'
import { CHROMIUM } from '../chromium.ts'
import { type LocalSite, localSite, taskAt } from './chromium-local.ts'

const page = (title: string, body: string) => `<!doctype html><title>${title}</title><body>${body}</body>`

describe.skipIf(!CHROMIUM)('a session in Chromium', () => {
  let site: LocalSite
  /** A port that nobody listens on. */
  let closedPort: string
  let driver: ChromiumDriver
  const over: ChromiumDriverOptions = { poolSize: 1, settle: { mode: 'calm', quietMs: 100, capMs: 2000 } }

  beforeAll(async () => {
    site = await localSite({
      '/': page(
        'home',
        '<h1>home</h1><a href="/second">second</a> <a href="/new" target="_blank">new tab</a>',
      ),
      '/second': page(
        'second',
        '<h1>second</h1><form action="/second"><input name="q" value="typed"></form>',
      ),
      '/new': page('new', '<h1>new</h1><button onclick="window.close()">shut</button>'),
      '/ask': page(
        'ask',
        `<button onclick="document.title = confirm('Delete it?') + '/' + prompt('Name?', 'x')">ask</button>`,
      ),
      '/leave': page(
        'leave',
        `<p>stay</p><script>onbeforeunload = (event) => event.preventDefault()</script>`,
      ),
      '/file': page('file', '<input type="file" aria-label="upload"><a href="/archive">archive</a>'),
      '/archive': (_, response) => {
        response.setHeader('content-disposition', 'attachment; filename="a.zip"')
        response.end('zip')
      },
      '/whoami': (request, response) =>
        response.end(page('who', `<p id="who">${request.headers.cookie ?? 'nobody'}</p>`)),
      '/broken': (_, response) => response.writeHead(500).end('broken'),
      '/permission': page(
        'permission',
        `<p id="p">?</p><script>navigator.geolocation.getCurrentPosition(() => {}, (e) => { p.textContent = 'refused ' + e.code })</script>`,
      ),
    })
    driver = chromiumDriver(over)
    const gone = await localSite({})
    closedPort = new URL(gone.origin).port
    await gone.close()
  })
  afterAll(async () => {
    await driver?.close()
    await site?.close()
  })

  async function opened<T>(
    path: string,
    use: (session: ChromiumSession) => Promise<T>,
    options: Parameters<ChromiumDriver['open']>[1] = { addressing: 'name' },
  ): Promise<T> {
    const session = await driver.open(taskAt(site.origin + path), options)
    try {
      return await use(session)
    } finally {
      await session.close()
    }
  }

  test('observes, clicks, goes back and forward, and says when there is nowhere to go', () =>
    opened('/', async (session) => {
      expect(await session.observe()).toMatchObject({
        url: `${site.origin}/`,
        title: 'home',
        tabs: [{ title: 'home', url: `${site.origin}/`, active: true }],
      })
      expect(await session.act({ kind: 'go_backward' })).toEqual({
        ok: false,
        error: 'there is no earlier page',
      })
      expect(await session.act({ kind: 'click', element: 'second' })).toEqual({ ok: true })
      expect((await session.observe()).title).toBe('second')
      expect(await session.act({ kind: 'go_backward' })).toEqual({ ok: true })
      expect((await session.observe()).title).toBe('home')
      expect(await session.act({ kind: 'go_forward' })).toEqual({ ok: true })
      expect((await session.observe()).title).toBe('second')
      expect(await session.act({ kind: 'go_forward' })).toEqual({
        ok: false,
        error: 'there is no later page',
      })
    }))

  test('follows a new tab, switches, opens and closes tabs, and survives one that closes itself', () =>
    opened('/', async (session) => {
      await session.observe()
      await session.act({ kind: 'click', element: 'new tab' })
      expect((await session.observe()).tabs?.map(({ title, active }) => [title, active])).toEqual([
        ['home', false],
        ['new', true],
      ])
      expect(await session.tabs()).toEqual([`${site.origin}/`, `${site.origin}/new`])
      expect(await session.act({ kind: 'switch_tab', argument: '0' })).toEqual({ ok: true })
      expect((await session.observe()).title).toBe('home')
      expect(await session.act({ kind: 'switch_tab', argument: '2' })).toMatchObject({ ok: false })
      await session.act({ kind: 'switch_tab', argument: '1' })
      await session.observe()
      await session.act({ kind: 'click', element: 'shut' })
      expect((await session.observe()).title).toBe('home')
      expect(await session.act({ kind: 'new_tab' })).toEqual({ ok: true })
      expect((await session.observe()).tabs).toHaveLength(2)
      expect(await session.act({ kind: 'goto', url: `${site.origin}/second` })).toEqual({ ok: true })
      expect(await session.act({ kind: 'close_tab' })).toEqual({ ok: true })
      expect((await session.observe()).title).toBe('home')
      expect(await session.act({ kind: 'close_tab' })).toMatchObject({ ok: false })
    }))

  test('the last tab closing itself opens the page before it again', () =>
    opened('/second', async (session) => {
      await session.observe()
      // Only a page that a script opened may close itself.
      await session.act({ kind: 'goto', url: '/' })
      await session.observe()
      await session.act({ kind: 'click', element: 'new tab' })
      await session.observe()
      await session.act({ kind: 'switch_tab', argument: '0' })
      await session.act({ kind: 'close_tab' })
      await session.observe()
      await session.act({ kind: 'click', element: 'shut' })
      const { notices, tabs } = await session.observe()
      expect(notices).toEqual([expect.stringMatching(/^the last tab closed itself; this is /)])
      expect(tabs).toHaveLength(1)
    }))

  test('answers dialogs by the rule and tells their texts', async () => {
    await opened('/ask', async (session) => {
      await session.observe()
      expect(await session.act({ kind: 'click', element: 'ask' })).toEqual({ ok: true })
      expect(await session.observe()).toMatchObject({
        title: 'true/null',
        notices: [
          'the page showed a confirm saying "Delete it?", which was accepted',
          'the page showed a prompt saying "Name?", which was dismissed',
        ],
      })
      expect((await session.observe()).notices).toBeUndefined()
    })
    await opened('/leave', async (session) => {
      await session.observe()
      expect(await session.act({ kind: 'goto', url: '/second' })).toEqual({ ok: true })
      expect((await session.observe()).title).toBe('second')
    })
  })

  test('refuses downloads, files and permissions', async () => {
    await opened('/file', async (session) => {
      await session.observe()
      expect(await session.act({ kind: 'click', element: 'archive' })).toEqual({ ok: true })
      expect((await session.observe()).notices).toEqual([
        `the download of ${site.origin}/archive was refused`,
      ])
      expect(session.blocked).toEqual([
        { kind: 'download', url: `${site.origin}/archive`, time: expect.any(Number) },
      ])
    })
    await opened('/permission', async (session) => {
      expect(await (await session.last()).evaluate(`document.getElementById('p').textContent`)).toBe(
        'refused 1',
      )
    })
  })

  test('opens one tab for each start address, the first one active', () =>
    opened(`/ |AND| ${site.origin}/second`, async (session) => {
      expect((await session.observe()).tabs?.map(({ title, active }) => [title, active])).toEqual([
        ['home', true],
        ['second', false],
      ])
    }))

  test("evaluators see the agent's page and open others beside it", () =>
    opened('/second', async (session) => {
      const last = await session.last()
      expect(last.url).toBe(`${site.origin}/second`)
      expect(await last.html()).toContain('<h1>second</h1>')
      expect(await last.evaluate(`document.querySelector('[name="q"').value`)).toBe('typed')
      expect(await last.evaluate('document.title // the title')).toBe('second')
      expect(await last.evaluate('undefined')).toBeUndefined()
      expect(await last.evaluate('null')).toBeNull()
      expect(await last.evaluate('[1, true, {a: ["b"]}]')).toEqual([1, true, { a: ['b'] }])
      expect(await last.evaluate('Promise.resolve(4)')).toBe(4)
      await expect(last.evaluate('document.querySelector("#none").value')).rejects.toThrow(LocatorError)
      await expect(last.evaluate('(((')).rejects.toThrow(LocatorError)
      const beside = await session.open(`${site.origin}/whoami`)
      expect(beside.url).toBe(`${site.origin}/whoami`)
      expect(await session.tabs()).toEqual([`${site.origin}/second`])
      expect((await session.observe()).tabs).toHaveLength(1)
      expect(await session.snapshot()).toMatchObject({ title: 'second', url: `${site.origin}/second` })
      await expect(session.open('http://elsewhere.test/')).rejects.toThrow(/not one of this task's sites/)
    }))

  test('a picture on request is a PNG of the viewport', () =>
    opened(
      '/',
      async (session) => {
        const { screenshot } = await session.observe()
        const header = Buffer.from(screenshot ?? []).subarray(0, 24)
        expect(header.subarray(1, 4).toString()).toBe('PNG')
        expect([header.readUInt32BE(16), header.readUInt32BE(20)]).toEqual([1280, 720])
      },
      { addressing: 'id', screenshots: true },
    ))

  test('begins with the storage state and the log-in it was given, and sessions share nothing', async () => {
    const { port } = new URL(site.origin)
    const tasks: unknown[] = []
    const own = chromiumDriver({
      ...over,
      storageState: async (task) => ({
        cookies: [
          {
            name: 'user',
            value: `u${task.task_id}`,
            domain: '127.0.0.1',
            path: '/',
            expires: -1,
            httpOnly: false,
            secure: false,
            sameSite: 'Lax',
          },
        ],
        origins: [],
      }),
      prepare: async (context, task) => {
        tasks.push(task.task_id)
        const tab = await context.newPage()
        await tab.goto(`http://127.0.0.1:${port}/second`)
        await context.addCookies([{ name: 'session', value: 's', url: site.origin }])
      },
    })
    try {
      const sessions = await Promise.all(
        [1, 2].map((id) => own.open(taskAt(`${site.origin}/whoami`, id), { addressing: 'id' })),
      )
      const who = await Promise.all(
        sessions.map(async (session) =>
          (await session.last()).evaluate(`document.getElementById('who').textContent`),
        ),
      )
      expect(who).toEqual(['user=u1; session=s', 'user=u2; session=s'])
      expect(await sessions[0]?.tabs()).toHaveLength(1)
      expect(tasks.sort()).toEqual([1, 2])
      await Promise.all(sessions.map((session) => session.close()))
    } finally {
      await own.close()
    }
  })

  test.each([
    ['/broken', /cannot start: .*answered 500/],
    [' |AND| http://127.0.0.1:CLOSED/', /cannot be reached: net::ERR_\w+/],
    [' |AND| nonsense', /start_url expects an address, received "nonsense"/],
  ])(
    "a task that cannot start (%s) is the environment's failure and gives its place back",
    async (path, message) => {
      const error = await driver
        .open(taskAt((site.origin + path).replace('CLOSED', closedPort)), { addressing: 'id' })
        .catch((one: unknown) => one)
      expect(error).toBeInstanceOf(EnvironmentError)
      expect((error as Error).message).toMatch(message)
    },
  )

  test('an episode that is given up ends every wait with its reason', async () => {
    const stop = new AbortController()
    const session = await driver.open(taskAt(`${site.origin}/`), { addressing: 'id', signal: stop.signal })
    const waiting = session.act({ kind: 'wait' })
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(session.observe()).rejects.toThrow('enough')
    await session.close()
    await session.close()
  })

  test('a closed session says so', async () => {
    const session = await driver.open(taskAt(`${site.origin}/`), { addressing: 'id' })
    await session.close()
    await expect(session.observe()).rejects.toThrow(EnvironmentError)
    await expect(session.act({ kind: 'press_enter' })).rejects.toThrow('the session is closed')
  })

  test('the published manner waits its fixed time and dismisses dialogs', async () => {
    const published = chromiumDriver({ poolSize: 1, settle: { mode: 'fixed', ms: 30 }, dialogs: 'dismiss' })
    try {
      const session = await published.open(taskAt(`${site.origin}/ask`), { addressing: 'name' })
      await session.observe()
      await session.act({ kind: 'click', element: 'ask' })
      expect((await session.observe()).title).toBe('false/null')
      await session.close()
    } finally {
      await published.close()
    }
  })
})
