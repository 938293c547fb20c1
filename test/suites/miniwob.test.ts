/**
 * MiniWoB++: the protocol on a page of this test, then, where its own pages are at hand, scripted policies through
 * the agent loop. A part is played by default; MIRA_MINIWOB_FULL=1 plays every task and every script with three seeds.
 */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MiniwobSession } from '../../lib/suites/miniwob/driver.ts'
import { miniwobSource, openPages } from '../../lib/suites/miniwob/pages.ts'
import { episodeState, succeeded, utteranceText } from '../../lib/suites/miniwob/protocol.ts'
import { openMiniwob } from '../../lib/suites/miniwob/suite.ts'
import { miniwobTasks } from '../../lib/suites/miniwob/tasks.ts'
import type { Suite } from '../../lib/suites/suite.ts'
import { evaluate } from '../../lib/tasks/evaluate.ts'
import type { Task } from '../../lib/tasks/task.ts'
import type { Action } from '../../lib/web/action.ts'
import type { Session } from '../../lib/web/session.ts'
import { CHROMIUM } from '../chromium.ts'
import { PROTOCOL_PAGE } from './miniwob-page.ts'
import { playScripted } from './miniwob-player.ts'
import { SCRIPTS, type Script } from './miniwob-scripts.ts'

const source = miniwobSource(process.env)
const full = process.env.MIRA_MINIWOB_FULL === '1'
const browser = { poolSize: 2, sessionsPerBrowser: 2 }
const addressing = 'id' as const

async function folderWith(...names: string[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'mira-miniwob-'))
  await mkdir(join(root, 'html', 'miniwob'), { recursive: true })
  for (const name of names) await writeFile(join(root, 'html', 'miniwob', `${name}.html`), PROTOCOL_PAGE)
  return root
}

describe('without a browser', () => {
  test('what a page says is checked: words, state, success', () => {
    expect(utteranceText('  Click\n the button. ')).toBe('Click the button.')
    expect(utteranceText({ utterance: 'Forward it', fields: { by: 'x' } })).toBe('Forward it')
    for (const nothing of ['', '  ', null, undefined, 3, { fields: {} }])
      expect(utteranceText(nothing)).toBeUndefined()
    expect(episodeState([7, true, 0.1, null])).toEqual({ seed: 7, done: true, raw: 0.1, reason: undefined })
    expect(episodeState(null)).toBeUndefined()
    expect([succeeded(1, undefined), succeeded(0.1, undefined), succeeded(0.9, 0.8)]).toEqual([
      true,
      false,
      true,
    ])
  })

  test('pages are found in the folder, above it and by file URL, served on loopback, and nothing beside them', async () => {
    const root = await folderWith('click-test', 'b', 'simon-says')
    await writeFile(join(root, 'secret.txt'), 'secret')
    for (const place of [root, join(root, 'html'), join(root, 'html', 'miniwob'), pathToFileURL(root).href]) {
      const pages = await openPages(place)
      expect(pages.names).toEqual(['b', 'click-test'])
      expect(new URL(pages.baseUrl).hostname).toBe('127.0.0.1')
      expect(await (await fetch(`${pages.baseUrl}b.html`)).text()).toBe(PROTOCOL_PAGE)
      for (const outside of ['../../secret.txt', '..%2f..%2fsecret.txt', '%2e%2e/%2e%2e/secret.txt'])
        expect((await fetch(pages.baseUrl + outside)).status).toBeGreaterThanOrEqual(400)
      await pages.close()
    }
    const all = await openPages(root, { timing: true })
    expect(all.names).toContain('simon-says')
    await all.close()
    await expect(openPages(root, { names: ['b', 'zzz'] })).rejects.toThrow(/has no task zzz; it has 3 others/)
    await expect(openPages(tmpdir())).rejects.toThrow(/no MiniWoB\+\+ task pages are at .*pip download/)
  })

  test('a server of the user: its own list, a given list, or a sentence', async () => {
    const root = await folderWith('click-test', 'b')
    const served = await openPages(root)
    const given = await openPages(served.baseUrl, { names: ['b'] })
    expect(given).toMatchObject({ baseUrl: served.baseUrl, names: ['b'] })
    await expect(openPages(served.baseUrl)).rejects.toThrow(/lists no task pages; name the tasks/)
    await served.close()
    await expect(openPages(served.baseUrl)).rejects.toThrow(/cannot be reached/)
  })

  test('tasks are one per page and seed, seeds are whole numbers', () => {
    const tasks = miniwobTasks({ baseUrl: 'http://x.test/', names: ['a', 'b'], seeds: [0, 1] })
    expect(tasks.map((task) => task.task_id)).toEqual(['a#0', 'a#1', 'b#0', 'b#1'])
    expect(() => miniwobTasks({ baseUrl: '', names: ['a'], seeds: [0.5] })).toThrow(/received 0\.5/)
  })
})

describe.skipIf(!CHROMIUM)('on a page of this test in Chromium (install it, or set MIRA_CHROMIUM)', () => {
  let suite: Suite
  beforeAll(async () => {
    suite = await openMiniwob({
      source: await folderWith('click-test', 'easy'),
      seeds: [0, 1],
      thresholds: { easy: 0.5 },
      dataMode: 'test',
      browser,
    })
  })
  afterAll(() => suite?.close())

  const open = (id: string) =>
    suite.driver.open(suite.tasks.find((task) => task.task_id === id)!, {
      addressing,
    }) as Promise<MiniwobSession>
  const press = async (session: MiniwobSession, name: string) => {
    const { elements } = await session.observe()
    const id = elements.find((one) => one.name === name)?.id
    expect(await session.act({ kind: 'click', element: String(id) })).toEqual({ ok: true })
  }
  const taskScore = async (id: string, session: MiniwobSession) =>
    (await evaluate(suite.tasks.find((task) => task.task_id === id)!, { answer: '', pages: session })).score

  test('goal from the page, its display hidden, reward 1 is success, by verdict and by evaluation', async () => {
    const session = await open('click-test#1')
    expect(session.intent).toBe('Press green (test)')
    expect((await session.observe()).elements.map((one) => one.name)).toEqual([
      'red',
      'green',
      'blue',
      'nearly',
    ])
    expect((await session.observe()).text).not.toMatch(/Press|cover|reward|canvas/)
    expect(await session.verdict()).toBeUndefined()
    expect(await taskScore('click-test#1', session)).toBe(0)
    await press(session, 'green')
    expect(await session.verdict()).toEqual({ success: true, reward: 1, reason: 'solved' })
    expect(await taskScore('click-test#1', session)).toBe(1)
    expect((await session.observe()).text).not.toContain('sync-task-cover')
    await session.close()
  })

  test('a partial reward is success only from the threshold of the task', async () => {
    for (const [id, success] of [
      ['click-test#0', false],
      ['easy#0', true],
    ] as const) {
      const session = await open(id)
      await press(session, 'nearly')
      expect(await session.verdict()).toMatchObject({ success, reward: 0.5 })
      expect(await taskScore(id, session)).toBe(success ? 1 : 0)
      await session.close()
    }
  })

  test('the next episode on the same page or on a new one; what is started otherwise does not count', async () => {
    const session = await open('click-test#0')
    await press(session, 'blue')
    expect(await session.verdict()).toMatchObject({ success: false, reward: -1 })
    for (const reload of [false, true]) {
      await session.restart(2, { reload })
      expect(session.intent).toBe('Press blue (test)')
      expect(await session.verdict()).toBeUndefined()
      await press(session, 'blue')
      expect(await session.verdict()).toMatchObject({ success: true })
    }
    await session.restart(0)
    // After a reload of the agent's own the cover is back; an episode started there has no seed of ours.
    await session.act({ kind: 'goto', url: 'click-test.html' })
    const page = await session.last()
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 200))')
    await page.evaluate('(core.startEpisodeReal(), core.endEpisode(1))')
    expect(await session.verdict()).toBeUndefined()
    expect(await taskScore('click-test#0', session)).toBe(0)
    await session.close()
  })
})

/** Something that can be done on any page, then the end. */
const anything: Script = ({ elements, step }): Action => {
  const element = elements[step % Math.max(1, elements.length)]
  if (step >= 2 || !element) return { kind: 'exit', message: 'done' }
  const id = String(element.id)
  if (element.kind === 'textbox') return { kind: 'type', element: id, argument: 'abc' }
  if (element.kind === 'select')
    return { kind: 'select', element: id, argument: element.options?.at(-1) ?? '' }
  return { kind: 'click', element: id }
}

/** Ten tasks of different kinds, for the part that is always played. */
const TEN = [
  'click-button',
  'click-checkboxes',
  'click-dialog-2',
  'click-link',
  'click-option',
  'choose-list',
  'enter-password',
  'login-user',
  'read-table',
  'simple-algebra',
]

describe.skipIf(!source || !CHROMIUM)('MiniWoB++ (needs MINIWOB_URL and Chromium)', () => {
  const play = async (
    names: string[] | undefined,
    seeds: number[],
    script: (name: string) => Script | undefined,
  ) => {
    const suite = await openMiniwob({ source: source!, seeds, browser, ...(names ? { names } : {}) })
    try {
      const results = await playScripted({
        suite,
        script: (task) => script(task.intent_template) ?? anything,
        horizon: 12,
        concurrency: 4,
      })
      return results.map((result, i) => ({ id: suite.tasks[i]?.task_id, result }))
    } finally {
      await suite.close()
    }
  }
  const scores = (played: Awaited<ReturnType<typeof play>>) =>
    played.map(({ id, result }) => [
      id,
      result.status === 'fulfilled' ? result.value.judgement.score : result.reason,
    ])

  test(`${full ? 'every script' : 'scripts for ten tasks'} get reward 1 with ${full ? 'three seeds' : 'one seed'} each`, {
    timeout: 1_800_000,
  }, async () => {
    const played = await play(
      full ? Object.keys(SCRIPTS) : TEN,
      full ? [1, 2, 3] : [1],
      (name) => SCRIPTS[name],
    )
    expect(scores(played)).toEqual(played.map(({ id }) => [id, 1]))
    expect(played.length).toBeGreaterThanOrEqual(10)
  })

  test.runIf(full)(
    'every task starts, is observed, acted on and scored',
    { timeout: 1_800_000 },
    async () => {
      const played = await play(undefined, [0], () => undefined)
      expect(played.length).toBeGreaterThanOrEqual(100)
      for (const { id, result } of played) {
        const what =
          result.status === 'fulfilled' ? result.value : expect.unreachable(`${id}: ${result.reason}`)
        expect(what.steps.length, `${id}`).toBeGreaterThan(0)
        expect(what.steps[0]?.pageText.length, `${id}`).toBeGreaterThan(0)
        expect(['exit', 'environment'], `${id}`).toContain(what.end)
        expect([0, 1], `${id}`).toContain(what.judgement.score)
      }
    },
  )

  test('one seed gives one episode, on a new page or the same one again; another seed another', {
    timeout: 300_000,
  }, async () => {
    const suite = await openMiniwob({ source: source!, seeds: [4, 5], names: ['click-button'], browser })
    const look = async (session: Session) => `${session.intent} ${(await session.observe()).text}`
    const [four, five] = suite.tasks as [Task, Task]
    const first = (await suite.driver.open(four, { addressing })) as MiniwobSession
    const second = await suite.driver.open(five, { addressing })
    const [seen4, seen5] = [await look(first), await look(second)]
    expect(seen4).not.toBe(seen5)
    await first.act({ kind: 'click', element: '0' })
    for (const reload of [false, true]) {
      await first.restart(5, { reload })
      expect(await look(first)).toBe(seen5)
      await first.restart(4)
      expect(await look(first)).toBe(seen4)
    }
    await suite.close()
  })
})
