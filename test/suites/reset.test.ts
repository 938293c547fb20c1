/** Resets against real programs and loopback servers: success, failure, deadline, abort, and whole groups killed. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { untilReady } from '../../lib/suites/ready.ts'
import { resetSites } from '../../lib/suites/reset.ts'
import type { CommandHook } from '../../lib/suites/reset-command.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const script = (code: string, over: Partial<CommandHook> = {}): CommandHook => ({
  kind: 'command',
  argv: [process.execPath, '-e', code],
  ...over,
})
const one = (hook: CommandHook) => ({ sites: { shopping: { hook } } })
const alive = (pid: number) => existsSync(`/proc/${pid}/stat`)

async function gone(pid: number): Promise<boolean> {
  for (let i = 0; i < 100 && alive(pid); i++) {
    if ((await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')).includes(') Z')) return true
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return !alive(pid)
}

test('a command gets its arguments as they are and its environment; a shell only when asked', async () => {
  const out = join(await mkdtemp(join(tmpdir(), 'mira-reset-')), 'out')
  const write = 'require("fs").writeFileSync(process.env.OUT, process.argv.slice(1).join("|"))'
  const hook = script(write, { env: { OUT: out } })
  await resetSites(one({ ...hook, argv: [...hook.argv, '$HOME', 'a b'] }), ['shopping'])
  expect(await readFile(out, 'utf8')).toBe('$HOME|a b')
  await resetSites(
    one({ kind: 'command', argv: ['echo', 'x$((1+1))', '>"$OUT"'], shell: true, env: { OUT: out } }),
    ['shopping'],
  )
  expect(await readFile(out, 'utf8')).toBe('x2\n')
})

test('a command that fails is told with its last words, one that does not exist by name', async () => {
  const failing = one(script('console.error("no such container"); process.exit(3)'))
  await expect(resetSites(failing, ['shopping'])).rejects.toMatchObject({
    code: 'RESET',
    message: expect.stringMatching(/of "shopping" \(.*node.*\) ended with exit code 3: no such container/),
  })
  const missing = one({ kind: 'command', argv: ['mira-no-such-program'] })
  await expect(resetSites(missing, ['shopping'])).rejects.toThrow(/could not be started: .*ENOENT/)
})

test('at its deadline and on abort the command and its children are killed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'mira-reset-'))
  const code = (name: string) =>
    `const c = require("child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {stdio: "ignore"});
     require("fs").writeFileSync(${JSON.stringify(join(dir, name))}, String(c.pid)); setInterval(() => {}, 1000)`
  const pidIn = async (name: string) => {
    for (;;) {
      const text = await readFile(join(dir, name), 'utf8').catch(() => '')
      if (text) return Number(text)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const late = resetSites(one(script(code('late'), { deadlineMs: 3000 })), ['shopping'])
  await expect(late).rejects.toMatchObject({
    code: 'DEADLINE',
    message: expect.stringMatching(/"shopping".*within 3000 ms/),
  })
  expect(await gone(await pidIn('late'))).toBe(true)
  const stop = new AbortController()
  const aborted = resetSites(one(script(code('abort'))), ['shopping'], stop.signal)
  const pid = await pidIn('abort')
  stop.abort(new Error('enough'))
  await expect(aborted).rejects.toThrow('enough')
  expect(await gone(pid)).toBe(true)
})

test('a request: method, body, accepted statuses, and what it says when the server refuses or is away', async () => {
  const seen: string[] = []
  const url = await serve((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${request.headers['x-key']} ${body}`)
      response.statusCode = request.url === '/busy' ? 503 : 204
      response.end()
    })
  })
  const hook = { kind: 'http', url: `${url}/reset`, body: '{"site":1}', headers: { 'X-Key': 'k' } } as const
  await resetSites({ sites: { reddit: { hook } } }, ['reddit'])
  expect(seen).toEqual(['POST /reset k {"site":1}'])
  const busy = { kind: 'http', url: `${url}/busy`, method: 'PUT' } as const
  await expect(resetSites({ sites: { reddit: { hook: busy } } }, ['reddit'])).rejects.toThrow(
    /reset of "reddit" expected a status from 200 to 299 from PUT .*busy, received 503/,
  )
  await resetSites({ sites: { reddit: { hook: { ...busy, accept: [503] } } } }, ['reddit'])
  const away = { ...hook, url: 'http://127.0.0.1:1/reset' }
  await expect(resetSites({ sites: { reddit: { hook: away } } }, ['reddit'])).rejects.toThrow(
    /could not reach http:..127\.0\.0\.1:1.reset: fetch failed \(.+\)/,
  )
})

test('readiness waits for status and text; its deadline says what came last', async () => {
  let looks = 0
  const url = await serve((_request, response) => {
    looks++
    response.statusCode = looks < 2 ? 502 : 200
    response.end(looks < 4 ? 'warming up' : 'Welcome to the shop')
  })
  const ready = { url, text: 'Welcome', intervalMs: 10, deadlineMs: 5000 }
  await untilReady('shopping', ready)
  expect(looks).toBe(4)
  await expect(untilReady('shopping', { ...ready, text: 'Bye', deadlineMs: 200 })).rejects.toMatchObject({
    code: 'DEADLINE',
    message: expect.stringMatching(
      /"shopping" was not ready .* and the text "Bye", last came status 200 with the text/,
    ),
  })
  await expect(
    untilReady('shopping', { url, status: [404], intervalMs: 10, deadlineMs: 100 }),
  ).rejects.toThrow(/expected status 404, last came status 200/)
})

test('a server that never answers ends at the deadline', async () => {
  const url = await serve(() => {})
  const silent = { sites: { gitlab: { hook: { kind: 'http', url, deadlineMs: 100 } as const } } }
  await expect(resetSites(silent, ['gitlab'])).rejects.toThrow(
    /reset of "gitlab" did not answer at .* within 100 ms/,
  )
  await expect(untilReady('gitlab', { url, requestMs: 40, intervalMs: 10, deadlineMs: 200 })).rejects.toThrow(
    /"gitlab" was not ready/,
  )
})

test('the full-reset server is asked once for all sites and polled; a running reset is waited for', async () => {
  for (const status of [200, 418]) {
    const seen: string[] = []
    const url = await serve((request, response) => {
      seen.push(`${request.method} ${request.url}`)
      if (request.url === '/reset') response.statusCode = status
      const looks = seen.filter((line) => line === 'GET /status').length
      response.end(request.url === '/status' ? (looks < 3 ? 'Resetting' : 'Ready for duty!') : '')
    })
    await resetSites({ full: { kind: 'full-reset', url: `${url}/`, intervalMs: 10 } }, ['shopping', 'reddit'])
    expect(seen).toEqual(['GET /reset', 'GET /status', 'GET /status', 'GET /status'])
  }
  const broken = await serve((_request, response) => {
    response.statusCode = 500
    response.end()
  })
  await expect(resetSites({ full: { kind: 'full-reset', url: broken } }, ['reddit'])).rejects.toThrow(
    /expected 200 \(started\) or 418 \(running\) .* received 500/,
  )
})

test('several failures are told together; a site without a hook is an error before anything is reset', async () => {
  const out = join(await mkdtemp(join(tmpdir(), 'mira-reset-')), 'out')
  const plan = {
    sites: {
      shopping: { hook: script('process.exit(1)') },
      reddit: { hook: script('process.exit(2)') },
      gitlab: { hook: script('require("fs").writeFileSync(process.env.OUT, "x")', { env: { OUT: out } }) },
    },
  }
  const failed = resetSites(plan, ['shopping', 'reddit', 'gitlab'])
  await expect(failed).rejects.toThrow(/"shopping".* code 1\n.*"reddit".* code 2/)
  expect(existsSync(out)).toBe(true)
  await expect(resetSites(plan, ['gitlab', 'map'])).rejects.toThrow(/no reset is configured for map;/)
})
