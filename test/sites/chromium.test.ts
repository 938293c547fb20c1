/**
 * The embedded sites in Chromium: the scripted experts get the scores and milestones of the in-process browser, and
 * episodes side by side do not see each other. MIRA_ALL_TASKS=N plays N tasks of every template instead of one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oracleChecker } from '../../lib/milestones/oracle.ts'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { type EmbeddedChromiumDriver, embeddedChromium } from '../../lib/sites/chromium.ts'
import { play } from '../../lib/sites/demonstrations.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import type { EmbeddedTask, Origins, Template, WorldDriver } from '../../lib/sites/kit.ts'
import { productNamed, storeOf } from '../../lib/sites/shop/store.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import type { EvaluationPage } from '../../lib/tasks/pages.ts'
import { LocatablePage } from '../../lib/tasks/locator.ts'
import type { Action } from '../../lib/web/action.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'
import { CHROMIUM } from '../chromium.ts'

const templates = [...embeddedWeb.templates.values()]
const everything = process.env.MIRA_ALL_TASKS !== undefined
const seeds = Array.from({ length: Number(process.env.MIRA_ALL_TASKS ?? 1) }, (_, i) => 100 + 37 * i)
const inProcess = inProcessDriver(embeddedBackend(embeddedWeb))

/** An expert's episode in what both browsers have to agree on. */
async function expertIn(driver: WorldDriver, template: Template, seed: number, origins?: Origins) {
  const task: EmbeddedTask = taskFrom(template, seed, origins)
  const { steps, success } = await play(driver, task, template.expert(createWorld(seed), task.params), 'name')
  return {
    success,
    outcomes: steps.map(({ outcome }) => outcome),
    reached: steps.map(({ reached }) => [...reached].join('')),
  }
}

describe.skipIf(!CHROMIUM)('embedded sites in Chromium', () => {
  let driver: EmbeddedChromiumDriver
  beforeAll(async () => {
    driver = await embeddedChromium(embeddedWeb, { browser: { poolSize: 2, sessionsPerBrowser: 2 } })
  })
  afterAll(() => driver?.close())

  test('experts solve every template with the milestones of the in-process browser', async () => {
    const jobs = templates.flatMap((template) => seeds.map((seed) => ({ template, seed })))
    const worker = async () => {
      for (let job = jobs.pop(); job; job = jobs.pop()) {
        const { template, seed } = job
        const expected = await expertIn(inProcess, template, seed)
        const seen = await expertIn(driver, template, seed, driver.origins)
        expect({ template: template.id, seed, ...seen }).toEqual({ template: template.id, seed, ...expected })
        expect(seen.success).toBe(true)
      }
    }
    await Promise.all([worker(), worker(), worker()])
    expect(driver.worlds).toBe(0)
  }, 1_200_000)

  test('what evaluators read is the same on the live page and in its markup', async () => {
    const fold = (text: unknown) =>
      String(text ?? '')
        .replace(/\s+/g, ' ')
        .trim()
    let compared = 0
    for (const template of everything ? templates : templates.filter((_, i) => i % 8 === 0)) {
      const { task } = taskFrom(template, 11, driver.origins)
      const session = await driver.open(task, { addressing: 'name' })
      try {
        const pages = new Map<string, EvaluationPage>()
        for (const { url, locator } of task.eval.program_html) {
          const page = pages.get(url) ?? (await session.open(url))
          pages.set(url, page)
          const live = await page.evaluate(locator).catch(() => '')
          const read = new LocatablePage(await page.html()).read(locator)
          expect(fold(live), `${template.id} ${locator}`).toBe(fold(read))
          compared++
        }
      } finally {
        await session.close()
      }
    }
    expect(compared).toBeGreaterThan(10)
  }, 600_000)

  test('16 episodes in 4 browsers side by side end as they do alone', async () => {
    const crowd = await embeddedChromium(embeddedWeb, {
      browser: { poolSize: 4, sessionsPerBrowser: 4, deadlines: { open: 300_000, action: 120_000 } },
    })
    try {
      // Every task twice at the same time: two worlds of one seed must not become one.
      const chosen = templates.filter((_, i) => i % 10 === 3).slice(0, 8)
      const jobs = [...chosen, ...chosen].map((template, i) => ({ template, seed: 500 + (i % 8) }))
      const seen = await Promise.all(
        jobs.map(({ template, seed }) => expertIn(crowd, template, seed, crowd.origins)),
      )
      for (const [i, { template, seed }] of jobs.entries()) {
        expect(seen[i], template.id).toEqual(await expertIn(inProcess, template, seed))
        expect(seen[i]?.success, template.id).toBe(true)
      }
      expect(await crowd.pids()).toHaveLength(4)
    } finally {
      await crowd.close()
    }
  }, 600_000)

  test("tasks of other origins are refused, a broken page is the environment's failure", async () => {
    const template = embeddedWeb.template('shop/wish')
    await expect(driver.open(taskFrom(template, 5).task, { addressing: 'name' })).rejects.toThrow(
      /make the task with this driver's origins/,
    )
    const torn = await embeddedChromium(
      {
        ...embeddedWeb,
        fetch(request, env) {
          if (new URL(request.url).pathname !== '/') throw new Error('torn')
          return embeddedWeb.fetch(request, env)
        },
      },
      { browser: { poolSize: 1 } },
    )
    try {
      const { task, params } = taskFrom(template, 5, torn.origins)
      const session = await torn.open({ ...task, start_url: `${torn.origins.shop}/` }, { addressing: 'name' })
      const [first] = template.expert(createWorld(5), params)
      await expect(session.act(first as Action)).rejects.toMatchObject({
        code: 'ENVIRONMENT',
        cause: new Error('torn'),
      })
      await session.close()
      expect(torn.worlds).toBe(0)
    } finally {
      await torn.close()
    }
  })

  test('the oracle sees the world behind the browser, and a finished episode leaves none behind', async () => {
    const template = embeddedWeb.template('shop/wish')
    const { task, params } = taskFrom(template, 5, driver.origins)
    const session = await driver.open(task, { addressing: 'name' })
    const checker = oracleChecker(embeddedWeb)
    expect(session.world.seed).toBe(5)
    const moment = { task, milestones: [], actions: [], observe: () => session.observe(), session }
    expect([...(await checker.check(moment))]).toHaveLength(4)
    expect(productNamed(storeOf(session.world), String(params.product)).name).toBe(params.product)
    await session.close()
    expect(driver.worlds).toBe(0)
  })
})
