/** Browsers that run already, reached over CDP and over Playwright's protocol: the same sessions behind the same guard. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserServer, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumDriver } from '../../lib/web/chromium/driver.ts'
import type { BrowserEndpoint } from '../../lib/web/chromium/options.ts'
import { EnvironmentError } from '../../lib/web/errors.ts'
import { CHROMIUM, LAUNCH } from '../chromium.ts'
import { type LocalSite, localSite, taskAt } from './chromium-local.ts'

/** A browser of ours that listens for CDP on a port of its choice. */
async function listening(profile: string): Promise<{ process: ChildProcess; url: string }> {
  const args = ['--headless', '--no-sandbox', '--remote-debugging-port=0', `--user-data-dir=${profile}`]
  // A group of its own: the program may be a script that starts the browser as its child.
  const process = spawn(CHROMIUM as string, args, { detached: true })
  const url = await new Promise<string>((resolve, reject) => {
    let said = ''
    const late = setTimeout(() => reject(new Error(`no DevTools address within 30 s: ${said}`)), 30_000)
    process.stderr?.on('data', (chunk: Buffer) => {
      said += chunk
      const found = /DevTools listening on (ws:\/\/\S+)/.exec(said)
      if (found) {
        clearTimeout(late)
        resolve(found[1] as string)
      }
    })
    process.once('exit', () => reject(new Error(`the browser ended: ${said}`)))
  })
  return { process, url }
}

describe.skipIf(!CHROMIUM)('a browser that runs already', () => {
  let site: LocalSite
  let other: LocalSite
  let server: BrowserServer
  let cdp: { process: ChildProcess; url: string }
  let profile: string

  beforeAll(async () => {
    other = await localSite({ '*': '<h1>elsewhere</h1>' })
    site = await localSite({
      '/': `<title>home</title><h1>home</h1><a href="/second">second</a> <a href="${other.origin}/">away</a>`,
      '/second': '<title>second</title><h1>second</h1>',
    })
    profile = await mkdtemp(join(tmpdir(), 'mira-endpoint-'))
    server = await chromium.launchServer(LAUNCH)
    cdp = await listening(profile)
  })
  afterAll(async () => {
    await server?.close()
    if (cdp && cdp.process.exitCode === null) {
      const ended = new Promise((resolve) => cdp.process.once('exit', resolve))
      process.kill(-(cdp.process.pid as number), 'SIGKILL')
      await ended
    }
    await site?.close()
    await other?.close()
    if (profile) await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  })

  test.each(['playwright', 'cdp'] as const)('over %s an episode acts, behind the guard', async (kind) => {
    const endpoint: BrowserEndpoint = { kind, url: kind === 'cdp' ? cdp.url : server.wsEndpoint() }
    const driver = chromiumDriver({ endpoint, poolSize: 1 })
    try {
      const session = await driver.open(taskAt(`${site.origin}/`), { addressing: 'name' })
      try {
        expect((await session.observe()).text).toContain('<h1>home</h1>')
        expect(await session.act({ kind: 'click', element: 'away' })).toMatchObject({ ok: false })
        expect(await session.act({ kind: 'click', element: 'second' })).toEqual({ ok: true })
        expect((await session.observe()).title).toBe('second')
      } finally {
        await session.close()
      }
      expect(other.hits).toEqual([])
    } finally {
      await driver.close()
    }
    // Whose browser it is, it goes on.
    expect(server.process().exitCode).toBeNull()
    expect(cdp.process.exitCode).toBeNull()
  })

  test('an address where no browser answers is one sentence', async () => {
    const driver = chromiumDriver({ endpoint: { kind: 'cdp', url: 'http://127.0.0.1:1' }, poolSize: 1 })
    const opening = driver.open(taskAt(`${site.origin}/`), { addressing: 'name' })
    await expect(opening).rejects.toThrow(EnvironmentError)
    await expect(opening).rejects.toThrow(/no browser answers at http:\/\/127\.0\.0\.1:1 \(cdp\)/)
    await driver.close()
  })
})
