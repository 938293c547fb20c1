/** Scoring again from records: the same rules give the same score, others theirs, and what is missing is said. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { evaluationJudge } from '../../lib/agent/judge.ts'
import type { Episode } from '../../lib/agent/episode.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { EvaluationFolder } from '../../lib/evaluation/folder.ts'
import type { Provenance } from '../../lib/evaluation/provenance.ts'
import { rescoreEvaluation } from '../../lib/evaluation/rescore.ts'
import { writeResult } from '../../lib/evaluation/write.ts'
import type { Task } from '../../lib/tasks/task.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-rescore-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const evaluation = (over: Partial<Task['eval']>): Task['eval'] => ({
  eval_types: ['string_match'],
  reference_answers: null,
  reference_url: null,
  program_html: [],
  ...over,
})
const task = (id: number, spec: Partial<Task['eval']>): Task => ({
  sites: ['reddit'],
  task_id: id,
  require_login: false,
  storage_state: null,
  start_url: 'http://site.test/',
  geolocation: null,
  intent_template: '',
  instantiation_dict: {},
  intent: 'Say it.',
  require_reset: false,
  intent_template_id: 0,
  eval: evaluation(spec),
})
const exact = { reference_answers: { exact_match: 'yes' } }
const url = { eval_types: ['url_match' as const], reference_url: 'http://site.test/a' }

const pages = {
  last: async () => ({
    url: 'http://site.test/a?tab=1',
    html: async () => '<p>page</p>',
    evaluate: async () => null,
  }),
  open: () => Promise.reject(new Error('no page is opened here')),
  tabs: async () => ['http://site.test/a?tab=1'],
}

/** An evaluation in VisualAgentBench's rules whose episodes end with these answers; undefined = stopped. */
async function evaluated(played: { task: Task; answer: string | undefined; end?: Episode['end'] }[]) {
  const { agent } = loadConfig({ preset: 'webarena' })
  const provenance: Provenance = {
    version: 1,
    suite: 'webarena-lite',
    model: { path: 'x', kind: 'checkpoint' },
    tasks: played.length,
    attempts: 1,
    seed: 1,
    temperature: 0,
    agent,
    scoring: { dialect: 'vab', scorer: 'evaluators', judge: null, judgeEarlyStops: true },
    browser: 'chromium',
    startedAt: '2026-01-01T00:00:00Z',
    environment: {},
  }
  const path = join(folder, 'played')
  const config = loadConfig({ preset: 'webarena' })
  const own = await EvaluationFolder.create(path, {
    provenance,
    config,
    tasks: played.map(({ task }) => task),
  })
  const judge = evaluationJudge({ dialect: 'vab', record: true, keepHtml: true })
  for (const [i, { task, answer, end = 'exit' }] of played.entries()) {
    const episode: Episode = {
      ...{ id: String(i), task, phase: 0, seed: 1n, temperature: 0, steps: [], end, seconds: 1 },
      ...(answer === undefined ? {} : { answer }),
      judgement: await judge(task, pages, answer ?? 'Early stop: Reach max steps 30'),
    }
    await own.save({ kind: 'episode', key: `${String(i).padStart(4, '0')}-0`, episode })
  }
  own.close()
  return { path, result: await writeResult(path) }
}

const successes = ({ result }: { result: { items: { state: string; success: boolean }[] } }) =>
  result.items.map(({ state, success }) => (state === 'scored' ? success : state))

test('the rules of another dialect are applied to what was kept', async () => {
  const played = await evaluated([
    { task: task(0, exact), answer: 'yes' },
    // WebArena strips the answer and takes any query, VisualAgentBench neither.
    { task: task(1, exact), answer: ' yes\n' },
    { task: task(2, url), answer: 'done' },
    { task: task(3, url), answer: undefined, end: 'horizon' },
  ])
  expect(successes(played)).toEqual([true, false, false, false])
  const same = await rescoreEvaluation(played.path)
  expect(successes(same)).toEqual(successes(played))
  const other = await rescoreEvaluation(played.path, { dialect: 'webarena' })
  expect(successes(other)).toEqual([true, true, true, true])
  expect(other.result.provenance).toMatchObject({
    scoring: { dialect: 'webarena' },
    rescoredFrom: played.path,
  })
  // BrowserGym looks at every step, so also at the one after which the agent was stopped.
  const stepwise = await rescoreEvaluation(played.path, { dialect: 'browsergym' })
  expect(successes(stepwise)).toEqual([true, true, true, true])
})

test('what no judge has decided stays without a score until there is one', async () => {
  const fuzzy = { reference_answers: { fuzzy_match: ['the red one'] } }
  const played = await evaluated([{ task: task(0, fuzzy), answer: 'red' }])
  expect(successes(played)).toEqual(['unscorable'])
  const again = await rescoreEvaluation(played.path)
  expect(successes(again)).toEqual(['unscorable'])
  expect(again.result.items[0]?.details[0]).toMatch(/judge/)
  expect(again.result.summary).toMatchObject({
    all: { successes: 0, episodes: 1 },
    scored: { episodes: 0, rate: null },
  })
})

test('an evaluation without records cannot be scored again by guessing', async () => {
  await expect(rescoreEvaluation(folder)).rejects.toMatchObject({ code: 'ERR_RUN_MISSING' })
})
