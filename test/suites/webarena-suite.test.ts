/** The suites put together: hooks, locks, containers and resets with a driver of this test, and a login in Chromium. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runScheduled } from '../../lib/suites/run-scheduled.ts'
import { openWebArenaLite, openWebRl, type WebArenaSuiteOptions } from '../../lib/suites/webarena-suite.ts'
import { evaluate } from '../../lib/tasks/evaluate.ts'
import type { Driver } from '../../lib/web/session.ts'
import { CHROMIUM } from '../chromium.ts'
import { FLOW, startSite } from './login-site.ts'

const never: Driver = { open: () => Promise.reject(new Error('not opened here')), close: async () => {} }

async function file(content: unknown): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'mira-suite-')), 'tasks.json')
  await writeFile(path, JSON.stringify(content))
  return path
}
const task = (task_id: number, over: object = {}) => ({
  sites: ['shopping'],
  task_id,
  start_url: '__SHOPPING__',
  intent: 'Find it',
  eval: { eval_types: ['url_match'], reference_url: '__SHOPPING__/found' },
  ...over,
})

test('on two containers of a site two changes run at once, each on its own, reads before them', async () => {
  const suite = await openWebArenaLite({
    path: await file([
      task(0, { mutates: true }),
      task(1, { mutates: true, depends_on: [0] }),
      task(2, { mutates: true }),
      task(3),
    ]),
    sites: { shopping: ['http://a.test', 'http://b.test'] },
    driver: () => never,
  })
  const log: string[] = []
  await runScheduled(
    suite.tasks,
    {
      concurrency: 4,
      key: (one) => String(one.task_id),
      locks: suite.locks,
      reads: suite.reads,
      dependsOn: (one) => suite.dependsOn?.(one) ?? [],
      instances: suite.instances ?? {},
    },
    async (one, { placement }) => {
      log.push(`${one.task_id} ${suite.at?.(one, placement).start_url}`)
      await new Promise((resolve) => setImmediate(resolve))
    },
  )
  expect(log).toEqual(['3 http://a.test', '0 http://a.test', '2 http://b.test', '1 http://a.test'])
  await suite.close()
})

test('the driver is given the allow-list and the login; a reset leaves out what cannot be reset', async () => {
  const out = join(await mkdtemp(join(tmpdir(), 'mira-suite-')), 'out')
  let hooks: Parameters<NonNullable<WebArenaSuiteOptions['driver']>>[0] | undefined
  const code = 'require("fs").writeFileSync(process.env.OUT, "reset")'
  const suite = await openWebArenaLite({
    path: await file([task(0)]),
    sites: { shopping: 'http://a.test' },
    reset: {
      sites: {
        shopping: { hook: { kind: 'command', argv: [process.execPath, '-e', code], env: { OUT: out } } },
      },
    },
    driver: (given) => {
      hooks = given
      return never
    },
  })
  expect(hooks?.origins(suite.tasks[0]!)).toEqual(['http://a.test'])
  expect(hooks?.prepare).toBeTypeOf('function')
  await suite.reset?.(['shopping', 'map'])
  expect(await readFile(out, 'utf8')).toBe('reset')
})

test('tasks without a reward are taken to change their site, unless said otherwise', async () => {
  const options = {
    path: await file([
      { task: 'a', web: 'oss' },
      { task: 'b', web: 'oss', mutates: false },
    ]),
    sites: { shopping: 'http://a.test' },
    driver: () => never,
  }
  const careful = await openWebRl(options)
  expect(careful.tasks.map((one) => careful.locks(one))).toEqual([['shopping'], []])
  const reading = await openWebRl({ ...options, mutates: false })
  expect(reading.tasks.map((one) => reading.reads(one))).toEqual([['shopping'], ['shopping']])
})

test.skipIf(!CHROMIUM)(
  'in Chromium (install it, or set MIRA_CHROMIUM) a task starts logged in, nothing else does',
  async () => {
    const site = await startSite('sid')
    const account = `${site.url}/user/ann%20lee/account`
    const check = {
      url: 'last',
      locator: 'document.body.innerText',
      required_contents: { exact_match: 'your account' },
    }
    const page = {
      start_url: `__BLOG__/user/ann%20lee/account`,
      sites: ['blog'],
      eval: { eval_types: ['program_html'], program_html: [check] },
    }
    const suite = await openWebArenaLite({
      path: await file([task(0, { ...page, storage_state: './.auth/blog_state.json' }), task(1, page)]),
      sites: { blog: site.url },
      login: { flows: { blog: FLOW }, accounts: { blog: { username: 'ann lee', password: 'p&ss' } } },
      browser: { poolSize: 1 },
    })
    try {
      const scores = []
      for (const one of suite.tasks) {
        const session = await suite.driver.open(one, { addressing: 'id' })
        expect(await session.tabs()).toHaveLength(1)
        scores.push([
          (await session.last()).url === account,
          (await evaluate(one, { answer: '', pages: session })).score,
        ])
        await session.close()
      }
      expect(scores).toEqual([
        [true, 1],
        [false, 0],
      ])
    } finally {
      await suite.close()
      site.close()
    }
  },
  120_000,
)
