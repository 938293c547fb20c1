/** Evaluations with language models as agents and planners: what is asked, what is kept, and the same again offline. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../lib/config/load.ts'
import { evaluateSuite } from '../../lib/evaluation/evaluate.ts'
import { readEvaluation } from '../../lib/evaluation/folder.ts'
import type { EvaluationResult } from '../../lib/evaluation/result.ts'
import { main } from '../../lib/cli/main.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import type { Task } from '../../lib/tasks/task.ts'
import { Suites } from '../../lib/train/suites.ts'
import { TestServer } from '../llm/server.ts'
import { expertOf, userText, webmaster } from './webmaster.ts'

const EPISODES = 6
const tasks = new Suites(embeddedWeb, loadConfig()).exam('test', EPISODES)
/** Every third is given up. */
const fails = (task: Task) => tasks.findIndex(({ task_id }) => task_id === task.task_id) % 3 === 2

let server: TestServer
let folder: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mira-prompted-'))
  server = await TestServer.start()
  server.otherwise = webmaster(tasks, fails)
})
afterEach(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

const spec = () => `openai:test-model@${server.origin}/v1`

function configOf(set: readonly string[]) {
  return loadConfig({
    set: [
      `evaluation.episodes=${EPISODES}`,
      `llm.cache.directory=${join(folder, 'cache')}`,
      'llm.prices={"openai:test-model": {input: 1, output: 10}}',
      'llm.retry.attempts=1',
      ...set,
    ],
  })
}

const scores = ({ items }: EvaluationResult) =>
  items.map(({ task, state, success, steps, end }) => ({ task, state, success, steps, end }))

describe('an agent in words', () => {
  test('plays the embedded suite; an offline re-run asks nobody and gives the same scores', async () => {
    const source = { kind: 'prompted', path: spec() } as const
    const sgo = [`sgo.planner=${spec()}`]
    const first = await evaluateSuite(configOf(sgo), source, { directory: join(folder, 'first') })
    expect(server.violations).toEqual([])
    expect(first.result.items.map(({ success }) => success)).toEqual(tasks.map((task) => !fails(task)))
    expect(first.result.provenance).toMatchObject({
      model: { kind: 'prompted', path: spec() },
      sgo: { planner: spec(), rater: spec() },
    })
    const asked = server.seen.length
    expect(asked).toBeGreaterThan(EPISODES * 3)

    const offline = configOf([...sgo, 'llm.cache.mode=offline'])
    const second = await evaluateSuite(offline, source, { directory: join(folder, 'second') })
    expect(server.seen).toHaveLength(asked)
    expect(scores(second.result)).toEqual(scores(first.result))

    // What it took: every step of an agent one call, every step of the planner one and the first another.
    const steps = first.result.items.reduce((sum, item) => sum + (item.steps ?? 0), 0)
    const { planning, acting } = first.result.work
    expect(acting).toMatchObject({ steps, spent: { calls: steps, cached: 0, inputTokens: 100 * steps } })
    expect(planning?.spent.calls).toBe(steps + EPISODES)
    expect(acting?.spent.cost).toBeCloseTo((steps * (100 * 1 + 20 * 10)) / 1e6, 12)
    const again = second.result.work
    expect(again.acting?.spent).toMatchObject({ calls: 0, cached: steps, cost: acting?.spent.cost })
    expect(again.planning?.spent).toMatchObject({ calls: 0, cached: steps + EPISODES, seconds: 0 })

    // What is not in the cache is said so, and nothing is tried.
    const other = configOf([...sgo, 'llm.cache.mode=offline', 'prompted.maxPageCharacters=100'])
    await expect(evaluateSuite(other, source, { directory: join(folder, 'third') })).rejects.toThrow(
      /openai\/test-model: expected the reply in the response cache/,
    )
    expect(server.seen).toHaveLength(asked)
  }, 60_000)

  test('its steps keep the reply and a hash of the prompt, and no ids', async () => {
    const source = { kind: 'prompted', path: spec() } as const
    const { path } = await evaluateSuite(configOf([]), source, { directory: join(folder, 'x') })
    const { records } = await readEvaluation(path)
    const record = records.get('0000-0')
    if (record?.kind !== 'episode') throw new Error('expected an episode')
    const { steps } = record.episode
    expect(steps.map(({ actionText }) => actionText)).toEqual(expertOf(tasks[0] as Task))
    for (const [t, step] of steps.entries()) {
      expect(step.said?.reply).toMatch(new RegExp(`^The page shows what I need.\\nNote: turn ${t}\\n`))
      expect(step.said?.promptHash).toMatch(/^[0-9a-f]{64}$/)
      expect([step.promptIds.length, step.actionIds.length, step.logprobs.length]).toEqual([0, 0, 0])
    }
    expect(new Set(steps.map(({ said }) => said?.promptHash)).size).toBe(steps.length)
    // The notes come back, numbered with their actions, and so does the page.
    const last = server.seen.map(userText).findLast((text) => text.includes((tasks[0] as Task).intent)) ?? ''
    expect(last).toContain('(note: turn 0)')
    expect(last).toContain(steps.at(-1)?.pageText.slice(0, 60))
    expect(last).not.toMatch(/Checklist|\{[a-z]+\}/)
  })

  test('guided by SGO it reads the checklist, what is next, and where it stands', async () => {
    const source = { kind: 'prompted', path: spec() } as const
    await evaluateSuite(configOf([`sgo.planner=${spec()}`]), source, { directory: join(folder, 'x') })
    const acting = server.seen.filter(({ body }) => body.response_format === undefined).map(userText)
    const [milestone] = (tasks[0] as Task).embedded?.milestones ?? []
    const second = acting.find(
      (text) =>
        text.includes((tasks[0] as Task).intent) &&
        text.includes('(note: turn 0)') &&
        !text.includes('(note: turn 1)'),
    )
    expect(second).toContain(`Checklist:\n[x] 1. ${milestone}\n[ ] 2. `)
    expect(second).toContain('\nNext: step 2\n')
  })
})

test('a thinking sweep is one folder per budget and one table', async () => {
  let out = ''
  const quiet = {
    write: (text: string) => {
      out += text
    },
  }
  const directory = join(folder, 'sweep')
  const set = [
    `llm.cache.directory=${join(folder, 'cache')}`,
    'llm.prices={"openai:test-model": {input: 1, output: 10}}',
  ].flatMap((line) => ['--set', line])
  const argv = ['eval', '--suite', 'embedded', '--episodes', '3', '--model', spec(), '--sgo', spec()]
  const code = await main([...argv, '--thinking', '0,1024,auto', '--out', directory, ...set, '--quiet'], {
    out: quiet,
    err: quiet,
    engine: () => Promise.reject(new Error('no engine is needed here')),
    quit: () => {},
  })
  expect([code, out.split('\n').filter((line) => line.startsWith('error'))]).toEqual([0, []])
  const table = out.split('\n').filter((line) => line.startsWith('|'))
  expect(table).toHaveLength(5)
  expect(table[0]).toMatch(/^\| thinking \| success \| 95% \| solved \|/)
  const report = readFileSync(join(directory, 'thinking-0', 'report.html'), 'utf8')
  expect(report).toContain('"plan":{"milestones":[')
  expect(report).toContain('Note: turn 0')
  expect(table.slice(2).map((line) => line.split('|')[1]?.trim())).toEqual(['0', '1024', 'auto'])
  for (const line of table.slice(2))
    expect(line).toMatch(/\| 66\.7% \| .* \| 2 \/ 3 \| \d+\.\d\d \| 2\d\d \|/)
  expect(new Set(server.seen.map(({ body }) => body.reasoning_effort))).toEqual(
    new Set(['none', 'low', undefined]),
  )
  expect(server.violations).toEqual([])
}, 60_000)

test.each([
  [['--thinking', '0'], /--thinking: expected a language model that plans/],
  [['--thinking', 'much'], /expected whole numbers of tokens or "auto"/],
  [['--sgo', 'oracle', '--set', 'sgo.rater=oracle', '--set', 'sgo.prompts=/nowhere'], undefined],
  [['--sgo', 'gemini'], /expected "gemini:gemini-2.5-pro"/],
] as const)('%s', async (more, expected) => {
  let err = ''
  const policy = new URL('./expert-policy.ts', import.meta.url).pathname
  const argv = [
    'eval',
    '--suite',
    'embedded',
    '--episodes',
    '2',
    '--policy',
    policy,
    '--out',
    join(folder, 'x'),
  ]
  const code = await main([...argv, ...more], {
    out: { write: () => {} },
    err: {
      write: (text: string) => {
        err += text
      },
    },
    engine: () => Promise.reject(new Error('no engine is needed here')),
    quit: () => {},
  })
  if (expected) expect(err).toMatch(expected)
  expect(code).toBe(expected ? 2 : 0)
})
