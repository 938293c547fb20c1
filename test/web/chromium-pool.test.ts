/** Episodes side by side in real browsers: they do not disturb each other, and a browser that dies costs one retry. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentSetup } from '../../lib/agent/play.ts'
import type { Policy } from '../../lib/agent/policy.ts'
import { rollout } from '../../lib/agent/rollout.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { chromiumDriver } from '../../lib/web/chromium/driver.ts'
import { EnvironmentError } from '../../lib/web/errors.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import { CHROMIUM } from '../chromium.ts'
import { type LocalSite, localSite, taskAt } from './chromium-local.ts'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))
const EPISODES = 16
const BUMP = formatAction({ kind: 'click', element: 'bump' })
const EXIT = formatAction({ kind: 'exit', message: 'done' })

/** Debian's chromium is a shell script that runs the browser: only the group is the whole of it. */
const killBrowser = (pid: number | undefined): boolean => process.kill(-(pid as number), 'SIGKILL')

/** How often episode `i` is to press the button. */
const presses = (i: number): number => 1 + (i % 3)

/** Presses the button as often as the episode is to, then exits; `before` is called ahead of every reply. */
function presser(before: (session: number, turn: number) => void = () => {}): Policy {
  const turns = new Map<number, number>()
  return {
    async act({ session }) {
      const turn = turns.get(session) ?? 0
      turns.set(session, turn + 1)
      before(session, turn)
      const text = turn < presses(session) ? BUMP : EXIT
      const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
      return { ids, logprobs: new Float32Array(ids.length) }
    },
    // A released episode that comes again begins anew.
    release: (session) => turns.delete(session),
  }
}

describe.skipIf(!CHROMIUM)('many episodes', () => {
  let site: LocalSite
  let visitors = 0

  beforeAll(async () => {
    const counts = new Map<string, number>()
    const visitorOf = (cookie = ''): string => /visitor=(\d+)/.exec(cookie)?.[1] ?? ''
    site = await localSite({
      '/': (request, response) => {
        let visitor = visitorOf(request.headers.cookie)
        if (!visitor) {
          visitor = String(++visitors)
          response.setHeader('set-cookie', `visitor=${visitor}`)
        }
        response.end(
          `<p id="n">${counts.get(visitor) ?? 0}</p><form action="/bump"><button>bump</button></form>`,
        )
      },
      '/bump': (request, response) => {
        const visitor = visitorOf(request.headers.cookie)
        counts.set(visitor, (counts.get(visitor) ?? 0) + 1)
        response.writeHead(303, { location: '/' }).end()
      },
    })
  })
  afterAll(() => site?.close())

  async function play(
    driver: ReturnType<typeof chromiumDriver>,
    policy: Policy,
    concurrency: number,
    count = EPISODES,
  ) {
    const setup: AgentSetup = {
      driver,
      policy,
      tokenizer,
      checker: { check: async () => new Uint8Array(0) },
      // Scores what the page counted against what this task's episode was to press.
      judge: async (task, session) => {
        const counted = await (await session.last()).evaluate(`document.getElementById('n').textContent`)
        const score = counted === String(presses(Number(task.task_id))) ? 1 : 0
        return { score, details: [`counted ${String(counted)}`] }
      },
      addressing: 'name',
      prompt: { style: 'compact', maxPromptTokens: 400 },
      limits: { horizon: 8, stuckRepeats: 0 },
    }
    return rollout(setup, {
      tasks: Array.from({ length: count }, (_, i) => taskAt(`${site.origin}/`, i)),
      phase: 0,
      stage: 'test-0',
      runSeed: 1,
      temperature: 1,
      concurrency,
    })
  }

  test('16 episodes in 4 browsers do not disturb each other', { timeout: 240_000 }, async () => {
    const driver = chromiumDriver({ poolSize: 4, sessionsPerBrowser: 4 })
    try {
      let browsers = 0
      const before = visitors
      const policy = presser(() => {
        void driver.pids().then((pids) => {
          browsers = Math.max(browsers, pids.length)
        })
      })
      const { episodes, errors } = await play(driver, policy, EPISODES)
      expect(errors).toEqual([])
      expect(episodes.map(({ judgement, steps }) => [judgement.score, steps.length])).toEqual(
        Array.from({ length: EPISODES }, (_, i) => [1, presses(i) + 1]),
      )
      expect(visitors - before).toBe(EPISODES)
      expect(browsers).toBe(4)
    } finally {
      await driver.close()
    }
  })

  test('a browser killed in the middle costs one retry and no wrong score', {
    timeout: 240_000,
  }, async () => {
    const driver = chromiumDriver({ poolSize: 2, sessionsPerBrowser: 2 })
    try {
      let killed: number | undefined
      const before = visitors
      const policy = presser((session, turn) => {
        if (session !== 2 || turn !== 2 || killed !== undefined) return
        killed = 0
        void driver.pids().then(([pid]) => {
          killed = pid
          killBrowser(pid)
        })
      })
      const { episodes, errors } = await play(driver, policy, 4, 6)
      expect(killed).toBeGreaterThan(0)
      expect(errors).toEqual([])
      expect(episodes.map(({ judgement }) => judgement.score)).toEqual([1, 1, 1, 1, 1, 1])
      // At most the two episodes of that browser were played again.
      expect(visitors - before).toBeLessThanOrEqual(8)
      expect(await driver.pids()).not.toContain(killed)
    } finally {
      await driver.close()
    }
  })

  test('what a dead browser leaves behind goes with the error', { timeout: 120_000 }, async () => {
    const driver = chromiumDriver({ poolSize: 1 })
    try {
      const session = await driver.open(taskAt(`${site.origin}/`), { addressing: 'name' })
      await session.observe()
      const [pid] = await driver.pids()
      killBrowser(pid)
      const error = await session.act({ kind: 'wait' }).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(EnvironmentError)
      expect(error).toMatchObject({
        message: 'the browser died',
        evidence: { url: `${site.origin}/`, console: expect.any(Array), stderr: expect.any(Array) },
      })
      await session.close()
      const again = await driver.open(taskAt(`${site.origin}/`), { addressing: 'name' })
      expect((await again.observe()).url).toBe(`${site.origin}/`)
      await again.close()
    } finally {
      await driver.close()
    }
  })
})
