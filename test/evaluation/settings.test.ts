/** The configuration's names and defaults are those of the rooms they configure, and its sections arrive there. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { agentSettings } from '../../lib/agent/settings.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { DIALECTS } from '../../lib/config/sections/run.ts'
import { GRAMMARS, OBSERVATIONS } from '../../lib/config/sections/world.ts'
import { accountsOf } from '../../lib/evaluation/accounts.ts'
import { browserOptionsOf } from '../../lib/evaluation/browser.ts'
import { columnsOf } from '../../lib/evaluation/columns.ts'
import { planItems } from '../../lib/evaluation/item.ts'
import { deviations, type Provenance } from '../../lib/evaluation/provenance.ts'
import { scoringOf } from '../../lib/evaluation/scoring.ts'
import { openSuite } from '../../lib/evaluation/suite.ts'
import { outcomes, summarise } from '../../lib/evaluation/summary.ts'
import { resetPlanOf } from '../../lib/evaluation/webarena.ts'
import { DIALECT_NAMES } from '../../lib/tasks/evaluate.ts'
import { BROWSER_DEFAULTS, VAB_BROWSER } from '../../lib/web/chromium/options.ts'
import { GRAMMARS as KNOWN_GRAMMARS } from '../../lib/web/grammar.ts'
import { OBSERVATION_DIALECTS } from '../../lib/web/observation.ts'

test('names are those of the web and of the evaluators', () => {
  expect([...GRAMMARS]).toEqual([...KNOWN_GRAMMARS])
  expect([...OBSERVATIONS]).toEqual([...OBSERVATION_DIALECTS])
  expect([...DIALECTS]).toEqual([...DIALECT_NAMES])
})

test('the browser section has the defaults of the Chromium driver, the preset webarena those of VisualAgentBench', () => {
  expect(browserOptionsOf(loadConfig())).toEqual(BROWSER_DEFAULTS)
  const { manner, settle, dialogs } = browserOptionsOf(loadConfig({ preset: 'webarena' }))
  expect({ manner, settle, dialogs }).toEqual(VAB_BROWSER)
  expect(
    browserOptionsOf(
      loadConfig({
        set: [
          'browser.executablePath=/opt/chrome',
          'browser.endpoint={kind: cdp, url: "http://localhost:9222"}',
          'browser.timezone=Europe/Berlin',
        ],
      }),
    ),
  ).toMatchObject({
    executablePath: '/opt/chrome',
    endpoint: { kind: 'cdp', url: 'http://localhost:9222' },
    timezone: 'Europe/Berlin',
  })
})

test('the agent of the preset webarena is the published harness, the default one is the embedded agent', () => {
  expect(agentSettings(loadConfig({ preset: 'webarena' }))).toMatchObject({
    ...{ addressing: 'id', dialect: 'vab', grammar: 'vab', episodeSeconds: 3600 },
    limits: { horizon: 30, stuckRepeats: 5, invalidRepeats: 5 },
  })
  const embedded = agentSettings(loadConfig())
  expect(embedded).toMatchObject({
    addressing: 'name',
    dialect: 'clean',
    grammar: 'mira',
    screenshots: false,
  })
  expect(embedded).not.toHaveProperty('episodeSeconds')
})

test('a suite chooses its own rules unless it is told otherwise', () => {
  const scoring = (...set: string[]) => scoringOf(loadConfig({ set }))
  expect(scoring()).toEqual({
    dialect: 'embedded',
    scorer: 'evaluators',
    judge: null,
    judgeEarlyStops: false,
  })
  expect(scoring('evaluation.suite=webarena-lite')).toMatchObject({ dialect: 'vab', judgeEarlyStops: true })
  expect(scoring('evaluation.dialect=browsergym').judgeEarlyStops).toBe(false)
  expect(scoring('evaluation.suite=webrl', 'llm.models.judge="openai:orm"')).toMatchObject({
    scorer: 'outcome-model',
    judge: 'openai:orm',
  })
})

test('passwords come from the environment and resets as lib/suites takes them', () => {
  const config = loadConfig({
    set: [
      'sites.accounts.shopping_admin={user: admin, passwordEnv: ADMIN_PASSWORD}',
      'sites.reset.shopping_admin={command: [docker, restart, admin], ready: {url: "http://localhost:7780", text: Luma}}',
      'sites.reset.reddit={request: "http://localhost:1/reset", method: PUT}',
      'sites.fullReset=http://localhost:7565',
    ],
  })
  expect(accountsOf(config, { ADMIN_PASSWORD: 'secret' })).toEqual({
    shopping_admin: { username: 'admin', password: 'secret' },
  })
  expect(() => accountsOf(config, {})).toThrow(
    /sites\.accounts\.shopping_admin\.passwordEnv: .*ADMIN_PASSWORD, it is not set/,
  )
  const deadlineMs = 600_000
  expect(resetPlanOf(config)).toEqual({
    sites: {
      shopping_admin: {
        hook: { kind: 'command', argv: ['docker', 'restart', 'admin'], deadlineMs },
        ready: { url: 'http://localhost:7780', text: 'Luma', intervalMs: 1000, deadlineMs },
      },
      reddit: { hook: { kind: 'http', url: 'http://localhost:1/reset', method: 'PUT', deadlineMs } },
    },
    full: { kind: 'full-reset', url: 'http://localhost:7565' },
  })
  expect(resetPlanOf(loadConfig())).toBeUndefined()
})

const raw = fileURLToPath(new URL('../../../shared/webarena/test_webarena_lite.raw.json', import.meta.url))
test.skipIf(!existsSync(raw))(
  'WebArena-Lite: 165 tasks under the columns of the published tables',
  async () => {
    const names = ['shopping', 'shopping_admin', 'reddit', 'gitlab', 'map', 'wikipedia']
    const config = loadConfig({
      preset: 'webarena',
      set: [`evaluation.tasks=${raw}`, ...names.map((site, i) => `sites.urls.${site}=http://${i}.test`)],
    })
    const { suite, sitesOf } = await openSuite(config)
    try {
      expect(suite.tasks).toHaveLength(165)
      expect(sitesOf?.(suite.tasks[0] as never)).toMatchObject({ shopping: 'http://0.test' })
      const items = planItems(suite.tasks, 1, 1)
      const { column, group, names: order } = columnsOf(suite.name)
      const summary = summarise(items, outcomes(items, new Map()), {
        column: ({ task }) => column(task),
        group: ({ task }) => group(task),
        columns: order,
      })
      expect(summary.columns.map(({ name, tasks }) => [name, tasks])).toEqual([
        ['Reddit', 19],
        ['Gitlab', 30],
        ['CMS', 35],
        ['Map', 30],
        ['OSS', 45],
      ])
      expect(summary.others.reduce((sum, { tasks }) => sum + tasks, 0)).toBe(6)
    } finally {
      await suite.close()
    }
  },
)

test('what keeps a figure from standing beside the published ones is said', () => {
  const { agent, evaluation, run } = loadConfig({ preset: 'webarena' })
  const published = {
    suite: 'webarena-lite',
    tasks: 165,
    temperature: evaluation.temperature,
    seed: run.seed,
    agent,
    scoring: {
      dialect: 'vab',
      scorer: 'evaluators',
      judge: 'openai:gpt-4-1106-preview',
      judgeEarlyStops: true,
    },
  } as unknown as Provenance
  expect(deviations(published)).toEqual([])
  const scoring = { ...published.scoring, dialect: 'webarena', judge: null }
  expect(deviations({ ...published, tasks: 40, scoring })).toEqual([
    'the number of tasks is 40, published numbers use 165',
    'the evaluator dialect is webarena, published numbers use vab',
    'there is no judge, published numbers use gpt-4-1106-preview',
  ])
  expect(deviations({ ...published, suite: 'miniwob', tasks: 3 })).toEqual([])
})
