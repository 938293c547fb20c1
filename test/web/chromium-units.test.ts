/** What of the Chromium driver needs no browser: allow-list, deadlines, finding a browser, lending browsers. */
import { EventEmitter } from 'node:events'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allowList, startUrls } from '../../lib/web/chromium/allow-list.ts'
import { Deadline, pause, within } from '../../lib/web/chromium/deadline.ts'
import { BrowserMissingError, findChromium } from '../../lib/web/chromium/launch.ts'
import { resolveAddress } from '../../lib/web/chromium/navigate.ts'
import { browserOptions } from '../../lib/web/chromium/options.ts'
import { BrowserPool, type GuardedBrowser } from '../../lib/web/chromium/pool.ts'
import { DeadlineError, EnvironmentError } from '../../lib/web/errors.ts'
import { taskAt } from './chromium-local.ts'

describe('allow-list', () => {
  const list = allowList([
    'https://shop.example/some/path',
    'http://127.0.0.1:7770',
    'file:///pages/miniwob/',
  ])

  test.each([
    ['https://shop.example/other?x=1#y', true],
    ['https://SHOP.example:443/', true],
    ['wss://shop.example/socket', true],
    ['http://127.0.0.1:7770/', true],
    ['ws://127.0.0.1:7770/', true],
    ['about:blank', true],
    ['blob:https://shop.example/1', true],
    ['file:///pages/miniwob/click.html', true],
    ['http://shop.example/', false],
    ['https://shop.example:8443/', false],
    ['https://shop.example.evil.test/', false],
    ['https://shop.example@evil.test/', false],
    ['http://127.0.0.1:7771/', false],
    ['file:///pages/miniwob/../secret', false],
    ['file:///etc/passwd', false],
    ['ftp://shop.example/', false],
    ['chrome://settings', false],
    ['no address', false],
  ])('%s: %s', (url, allowed) => {
    expect(list.allows(url)).toBe(allowed)
  })

  test.each(['shop.example', 'file:///', 'file:///page.html', 'ftp://x.test', ''])(
    'refuses the entry %j',
    (entry) => {
      expect(() => allowList([entry])).toThrow(/the allow-list expects origins.*received/)
    },
  )

  test('an address is allowed exactly when its origin is listed', () => {
    const origin = fc
      .tuple(
        fc.constantFrom('http', 'https'),
        fc.constantFrom('a.test', 'b.test', 'a.test.b.test', '[::1]', '127.0.0.1'),
        fc.constantFrom('', ':80', ':443', ':8080'),
      )
      .map(([scheme, host, port]) => new URL(`${scheme}://${host}${port}`).origin)
    const rest = fc.constantFrom('/', '/@b.test', '/?u=http://a.test', '/#http://a.test')
    fc.assert(
      fc.property(fc.array(origin), origin, rest, (origins, at, path) => {
        expect(allowList(origins).allows(at + path)).toBe(origins.includes(at))
      }),
    )
  })

  test('an address typed in is resolved against the page, or refused with a sentence', () => {
    const base = 'http://127.0.0.1:7770/a/b'
    expect(resolveAddress('../c', base, list)).toEqual({ url: 'http://127.0.0.1:7770/c' })
    expect(resolveAddress('https://shop.example', base, list)).toEqual({ url: 'https://shop.example/' })
    expect(resolveAddress('javascript:alert(1)', base, list)).toHaveProperty('error')
    expect(resolveAddress('data:text/html,x', base, list)).toHaveProperty('error')
    expect(resolveAddress('view-source:https://shop.example', base, list)).toHaveProperty('error')
    expect(resolveAddress('https://evil.test/', base, list)).toEqual({
      error: "https://evil.test/ is not one of this task's sites and cannot be opened",
    })
  })

  test("several start addresses are WebArena's joined form", () => {
    expect(startUrls(taskAt('http://a.test/ |AND| http://b.test/x'))).toEqual([
      'http://a.test/',
      'http://b.test/x',
    ])
  })
})

describe('deadlines', () => {
  const never = new Promise<never>(() => {})

  test('a wait in vain names what it waited for', async () => {
    await expect(within('the page', never, 5)).rejects.toThrow(
      expect.objectContaining({ name: 'DeadlineError', message: 'the page did not end within 5 ms' }),
    )
  })

  test('a wait ends with its signal, and with its reason', async () => {
    const stop = new AbortController()
    const waiting = within('the page', never, 10_000, stop.signal)
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(pause(10_000, stop.signal)).rejects.toThrow('enough')
  })

  test('what the work says comes through, and a rejection that comes too late stays silent', async () => {
    expect(await within('the page', Promise.resolve(3), 1000)).toBe(3)
    await expect(within('the page', Promise.reject(new TypeError('no')), 1000)).rejects.toThrow(TypeError)
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 20))
    await expect(within('the page', late, 1)).rejects.toThrow(DeadlineError)
    await pause(30)
  })

  test('a budget is used up once', async () => {
    const deadline = new Deadline('the action', 5)
    await pause(10)
    expect(deadline.left()).toBe(0)
    expect(() => deadline.remaining()).toThrow('the action did not end within 5 ms')
  })
})

describe('finding a browser', () => {
  test('a path that is no program is named with where it came from', async () => {
    await expect(findChromium('/no/such/browser', {})).rejects.toThrow(
      /browser.executablePath expects.*no\/such/,
    )
    await expect(findChromium(undefined, { MIRA_CHROMIUM: '/no/such' })).rejects.toThrow(
      /MIRA_CHROMIUM expects/,
    )
  })

  test('none on PATH says what to install', async () => {
    const error = await findChromium(undefined, { PATH: '/nowhere' }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(BrowserMissingError)
    expect(error).toBeInstanceOf(EnvironmentError)
    expect((error as Error).message).toMatch(/install one, for example "apt-get install chromium"/)
  })
})

/** A pool whose browsers are told when to die. */
function fakePool(over: Parameters<typeof browserOptions>[0] = {}) {
  const started: (EventEmitter & { closed: boolean })[] = []
  const start = async (): Promise<GuardedBrowser> => {
    const browser = Object.assign(new EventEmitter(), { closed: false })
    started.push(browser)
    const running = {
      browser,
      pid: started.length,
      stderr: () => [],
      close: async () => {
        browser.closed = true
      },
    }
    return { running, guard: {} } as unknown as GuardedBrowser
  }
  const options = browserOptions({ poolSize: 2, sessionsPerBrowser: 2, ...over })
  return { pool: new BrowserPool(options, start), started }
}

describe('the pool', () => {
  test('spreads over browsers before it doubles up, and makes the rest wait in order', async () => {
    const { pool, started } = fakePool()
    const leases = await Promise.all([0, 1, 2, 3].map(() => pool.lease()))
    expect(leases.map((lease) => lease.running.pid)).toEqual([1, 2, 1, 2])
    const order: string[] = []
    const a = pool.lease()
    void a.then(() => order.push('a'))
    const b = pool.lease()
    void b.then(() => order.push('b'))
    leases[3]?.release()
    leases[3]?.release()
    expect((await a).running.pid).toBe(2)
    expect(order).toEqual(['a'])
    leases[0]?.release()
    expect((await b).running.pid).toBe(1)
    expect(started).toHaveLength(2)
    await pool.close()
    expect(started.every(({ closed }) => closed)).toBe(true)
  })

  test('a wait for a place ends at its deadline and with its signal', async () => {
    const { pool } = fakePool({ poolSize: 1, sessionsPerBrowser: 1, deadlines: { lease: 10 } })
    const first = await pool.lease()
    await expect(pool.lease()).rejects.toThrow('waiting for a free browser did not end within 10 ms')
    const stop = new AbortController()
    const waiting = pool.lease(stop.signal)
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    first.release()
    await pool.lease()
    await pool.close()
  })

  test('a dead browser is replaced at the next lease, a worn one after its last', async () => {
    const { pool, started } = fakePool({ poolSize: 1, sessionsPerBrowser: 1, sessionsPerLife: 2 })
    const first = await pool.lease()
    started[0]?.emit('disconnected')
    first.release(true)
    for (const pid of [2, 2, 3]) {
      const lease = await pool.lease()
      expect(lease.running.pid).toBe(pid)
      lease.release()
    }
    expect(started.map(({ closed }) => closed)).toEqual([true, true, false])
    await pool.close()
  })

  test('a closed pool wakes those who wait, and lends no more', async () => {
    const { pool } = fakePool({ poolSize: 1, sessionsPerBrowser: 1 })
    await pool.lease()
    const waiting = pool.lease()
    await pool.close()
    await expect(waiting).rejects.toThrow('the browser pool is closed')
    await expect(pool.lease()).rejects.toThrow(EnvironmentError)
  })

  test('a browser that does not start is no place: the next lease tries again', async () => {
    let tries = 0
    const start = async (): Promise<GuardedBrowser> => {
      if (++tries === 1) throw new EnvironmentError('no memory')
      const running = { browser: new EventEmitter(), pid: 7, stderr: () => [], close: async () => {} }
      return { running, guard: {} } as unknown as GuardedBrowser
    }
    const pool = new BrowserPool(browserOptions({ poolSize: 1 }), start)
    await expect(pool.lease()).rejects.toThrow('no memory')
    expect((await pool.lease()).running.pid).toBe(7)
    await pool.close()
  })

  test('never more sessions than places, whoever comes and goes, dies or gives up', async () => {
    const event = fc.constantFrom('lease', 'lease', 'release', 'break', 'die', 'abort')
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const { pool, started } = fakePool()
        const held: Awaited<ReturnType<BrowserPool['lease']>>[] = []
        const stops: AbortController[] = []
        const asked: Promise<unknown>[] = []
        for (const name of events) {
          const lease = held[0]
          if (name === 'lease') {
            const stop = new AbortController()
            stops.push(stop)
            asked.push(
              pool.lease(stop.signal).then(
                (one) => held.push(one),
                () => {},
              ),
            )
          } else if (name === 'abort') stops.shift()?.abort(new Error('enough'))
          else if (name === 'die' && lease)
            (lease.running.browser as unknown as EventEmitter).emit('disconnected')
          else if (lease) {
            held.shift()
            lease.release(name === 'break')
          }
          await new Promise((resolve) => setImmediate(resolve))
          const byBrowser = new Map<number | undefined, number>()
          for (const { running } of held) byBrowser.set(running.pid, (byBrowser.get(running.pid) ?? 0) + 1)
          for (const count of byBrowser.values()) expect(count).toBeLessThanOrEqual(2)
        }
        // Whoever waits gets a place once those before have gone.
        for (let lease = held.shift(); lease; lease = held.shift()) {
          lease.release()
          await new Promise((resolve) => setImmediate(resolve))
        }
        await Promise.all(asked)
        for (const lease of held) lease.release()
        await pool.close()
        expect(started.every(({ closed }) => closed)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})
