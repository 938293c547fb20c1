/**
 * Logging in to a small site of this test in a real browser: by form and by header, kept and renewed, and what is
 * said when it fails. The forms of WebArena's own images are data of the same kind.
 */
import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type LoginOptions, loginHook, storageStateSites } from '../../lib/suites/login.ts'
import { unrewarded } from '../../lib/suites/webrl-tasks.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'
import { FLOW, type Site, startSite } from './login-site.ts'

test('the file name of a storage state names its sites', () => {
  expect(storageStateSites('./.auth/shopping_admin_state.json')).toEqual(['shopping_admin'])
  expect(storageStateSites('./.auth/gitlab.reddit_state.json')).toEqual(['gitlab', 'reddit'])
  expect(storageStateSites(null)).toEqual([])
  expect(storageStateSites('state.json')).toEqual([])
})

describe.skipIf(!CHROMIUM)('log-ins in Chromium', () => {
  let browser: Browser
  let blog: Site
  let wiki: Site
  beforeAll(async () => {
    browser = await chromium.launch(LAUNCH)
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    blog?.close()
    wiki?.close()
    blog = await startSite('blogid')
    wiki = await startSite('wikiid')
    return () => {
      blog.close()
      wiki.close()
    }
  })

  const account = { username: 'ann lee', password: 'p&ss' }
  const options = (over: Partial<LoginOptions> = {}): LoginOptions => ({
    sitesOf: () => ({ blog: blog.url, wiki: wiki.url }),
    flows: { blog: FLOW, wiki: FLOW },
    accounts: { blog: account, wiki: account },
    stepMs: 30_000,
    ...over,
  })
  const task = (...sites: string[]) =>
    unrewarded({ task_id: 7, intent: 'x', sites, start_url: 'http://x.test' })

  async function inContext<T>(work: (context: BrowserContext) => Promise<T>): Promise<T> {
    const context = await browser.newContext()
    try {
      return await work(context)
    } finally {
      await context.close()
    }
  }
  const seesAccount = async (context: BrowserContext, site: Site) => {
    const page = await context.newPage()
    await page.goto(`${site.url}/user/ann%20lee/account`)
    return (await page.textContent('body')) === 'your account'
  }

  test('one login serves the run, two sites each with its own, the tabs of the login are closed', async () => {
    const hook = loginHook(options())
    for (let i = 0; i < 2; i++) {
      await inContext(async (context) => {
        await hook(context, task('blog', 'wiki'))
        expect(context.pages()).toHaveLength(0)
        expect(await seesAccount(context, blog)).toBe(true)
        expect(await seesAccount(context, wiki)).toBe(true)
      })
    }
    expect([blog.logins, wiki.logins]).toEqual([1, 1])
    await inContext((context) => hook(context, { ...task('blog'), storage_state: null }))
    expect(blog.logins).toBe(1)
  })

  test('a session that the site ended is renewed; side by side one login is enough', async () => {
    const hook = loginHook(options())
    await inContext((context) => hook(context, task('blog')))
    blog.sessions.clear()
    await Promise.all(
      [1, 2, 3].map(() =>
        inContext(async (context) => {
          await hook(context, task('blog'))
          expect(await seesAccount(context, blog)).toBe(true)
        }),
      ),
    )
    expect(blog.logins).toBe(2)
  })

  test('on request every task logs in for itself', async () => {
    const hook = loginHook(options({ keep: 'task' }))
    await inContext((context) => hook(context, task('blog')))
    await inContext((context) => hook(context, task('blog')))
    expect(blog.logins).toBe(2)
  })

  test('a wrong password, a missing form and a site that is away are told by site and step, without the password', async () => {
    const wrong = { username: 'ann lee', password: 'hunter2-secret' }
    const failing = async (over: Partial<LoginOptions>) => {
      const error = await inContext((context) => loginHook(options(over))(context, task('blog'))).then(
        () => expect.unreachable(),
        (reason: unknown) => reason as Error,
      )
      expect(error).toMatchObject({ code: 'LOGIN' })
      expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain('hunter2')
      return error.message
    }
    expect(await failing({ accounts: { blog: wrong } })).toMatch(
      /logging in to "blog" failed at the step "reach a page of the user": .*still asks for a login; check the account "ann lee"/,
    )
    const noField = { ...FLOW, password: { label: 'Passphrase' } }
    expect(await failing({ accounts: { blog: wrong }, flows: { blog: noField }, stepMs: 3000 })).toMatch(
      /"fill in the password": .*Timeout 3000ms/,
    )
    blog.close()
    expect(await failing({})).toMatch(/"open the login page": .*ERR_CONNECTION_REFUSED/)
  })

  test('a failed login is not kept', async () => {
    const changing = { username: 'ann lee', password: 'wrong' }
    const hook = loginHook(options({ accounts: { blog: changing } }))
    await expect(inContext((context) => hook(context, task('blog')))).rejects.toThrow(/still asks/)
    changing.password = 'p&ss'
    await inContext((context) => hook(context, task('blog')))
  })

  test('an abort ends a login that hangs', async () => {
    blog.delayMs = 60_000
    const stop = new AbortController()
    const run = inContext((context) => loginHook(options())(context, task('blog'), stop.signal))
    setTimeout(() => stop.abort(new Error('enough')), 300)
    await expect(run).rejects.toThrow('enough')
  })

  test('headers go to their own site alone and need no form', async () => {
    const sites = { shopping: blog.url, map: wiki.url }
    const hook = loginHook(
      options({
        method: 'header',
        accounts: { shopping: { username: 'a', password: 'b' } },
        sitesOf: () => sites,
      }),
    )
    await inContext(async (context) => {
      await hook(context, task('shopping', 'map'))
      const page = await context.newPage()
      await page.goto(blog.url)
      await page.goto(wiki.url)
    })
    expect(blog.headers[0]?.['x-m2-customer-auto-login']).toBe('a:b')
    expect(wiki.headers.some((headers) => 'x-m2-customer-auto-login' in headers)).toBe(false)
    expect(blog.logins).toBe(0)
  })

  test('two sites whose session cookies have one name cannot share a host; an unknown URL is named', async () => {
    const sitesOf = () => ({ shopping: 'http://h.test:1', reddit: 'http://h.test:2' })
    await inContext(async (context) => {
      const hook = loginHook(options({ sitesOf }))
      await expect(hook(context, task('shopping', 'reddit'))).rejects.toThrow(
        /both "shopping" and "reddit" on the host h\.test/,
      )
      await expect(hook(context, task('gitlab'))).rejects.toThrow(
        /"gitlab", whose URL is not known; set GITLAB/,
      )
    })
  })
})
