/** Playing items: whose fault an error is, what is played again, and in which order shared sites are used. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../lib/config/load.ts'
import { EvaluationFolder, readEvaluation } from '../../lib/evaluation/folder.ts'
import { type ItemRecord, planItems } from '../../lib/evaluation/item.ts'
import type { Provenance } from '../../lib/evaluation/provenance.ts'
import { type EvaluationEvent, type EvaluationRun, runEvaluation } from '../../lib/evaluation/run.ts'
import type { Suite } from '../../lib/suites/suite.ts'
import type { Task } from '../../lib/tasks/task.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { EnvironmentError } from '../../lib/web/errors.ts'
import type { Session } from '../../lib/web/session.ts'
import { scriptedPolicy } from './expert.ts'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))

const tasks = ['read-a', 'write-a', 'read-b', 'write-b'].map(
  (id): Task => ({
    sites: [id.endsWith('a') ? 'shopping' : 'reddit'],
    task_id: id,
    require_login: false,
    storage_state: null,
    start_url: 'http://site.test/',
    geolocation: null,
    intent_template: '',
    instantiation_dict: {},
    intent: `Do ${id}.`,
    require_reset: false,
    intent_template_id: 0,
    eval: {
      eval_types: ['string_match'],
      reference_answers: { exact_match: 'done' },
      reference_url: null,
      program_html: [],
    },
  }),
)

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-run-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const page = { url: 'http://site.test/', html: async () => '<p>page</p>', evaluate: async () => null }
const session = (over: Partial<Session> = {}): Session => ({
  observe: async () => ({ url: page.url, title: '', text: 'page', elements: [], addressing: 'name' }),
  act: async () => ({ ok: true }),
  snapshot: async () => ({ url: page.url, title: '', html: '' }),
  last: async () => page,
  open: async () => page,
  tabs: async () => [page.url],
  close: async () => {},
  ...over,
})

async function evaluation(
  over: { suite?: Partial<Suite>; attempts?: number; opens?: (task: Task) => void } = {},
) {
  const opened: string[] = []
  const log: string[] = []
  const suite: Suite = {
    name: 'test',
    tasks,
    driver: {
      async open(task) {
        opened.push(String(task.task_id))
        log.push(String(task.task_id))
        over.opens?.(task)
        return session()
      },
      close: async () => {},
    },
    locks: ({ task_id, sites }) => (String(task_id).startsWith('write') ? sites : []),
    reads: ({ task_id, sites }) => (String(task_id).startsWith('read') ? sites : []),
    reset: async (names) => void log.push(`reset ${[...names].sort().join(' ')}`),
    close: async () => {},
    ...over.suite,
  }
  const { attempts = 1 } = over
  const provenance = {
    ...({
      version: 1,
      suite: 'test',
      model: { path: 'x', kind: 'script' },
      seed: 1,
      temperature: 0,
    } as const),
    ...({ tasks: tasks.length, attempts, browser: 'in-process', startedAt: '', environment: {} } as const),
    agent: {
      ...{
        observation: 'clean',
        addressing: 'name',
        grammar: 'mira',
        manner: '',
        promptStyle: 'compact' as const,
      },
      ...{ maxPromptTokens: 400, maxActionTokens: 8, horizon: 3, stuckRepeats: 0, invalidRepeats: 0 },
    },
    scoring: { dialect: 'vab', scorer: 'evaluators' as const, judge: null, judgeEarlyStops: true },
  } satisfies Provenance
  const place = await EvaluationFolder.create(join(folder, 'e'), { provenance, config: loadConfig(), tasks })
  const events: EvaluationEvent[] = []
  const run: EvaluationRun = {
    suite,
    agent: {
      policy: scriptedPolicy(tokenizer, () => ['exit(message="done")']),
      tokenizer,
      checker: { check: async () => new Uint8Array(0) },
      judge: async () => ({ score: 1, details: [] }),
      addressing: 'name',
      prompt: { style: 'compact', maxPromptTokens: 400 },
      limits: { horizon: 3, stuckRepeats: 0 },
    },
    folder: place,
    items: planItems(tasks, attempts, 1),
    records: new Map<string, ItemRecord>(),
    temperature: 0,
    concurrency: 4,
    reset: 'attempts',
    onEvent: (event) => events.push(event),
  }
  return { run, opened, log, events, path: place.path, close: () => place.close() }
}

test('sites that attempts change are put back before every attempt, readers go before writers', async () => {
  const { run, log, close } = await evaluation({ attempts: 2 })
  await runEvaluation(run)
  close()
  const rounds = [log.slice(0, 5), log.slice(5)]
  for (const round of rounds) {
    expect(round[0]).toBe('reset reddit shopping')
    expect(round.slice(1).sort()).toEqual(['read-a', 'read-b', 'write-a', 'write-b'])
    expect(round.indexOf('read-a')).toBeLessThan(round.indexOf('write-a'))
    expect(round.indexOf('read-b')).toBeLessThan(round.indexOf('write-b'))
  }
})

test('an environment that breaks twice is an error with its evidence, kept apart and played again on request', async () => {
  let down = true
  const evidence = { url: 'http://site.test/x', console: ['oh'], screenshot: Uint8Array.of(1, 2) }
  const opens = ({ task_id }: Task) => {
    if (down && task_id === 'read-b') throw new EnvironmentError('the site is down', { evidence })
  }
  const { run, opened, events, path, close } = await evaluation({ opens })
  await runEvaluation(run)
  expect(opened.filter((id) => id === 'read-b')).toHaveLength(2)
  const kept = (await readEvaluation(path)).records
  const error = kept.get('0002-0')
  expect(error).toMatchObject({
    kind: 'error',
    error: { message: 'the site is down', code: 'ENVIRONMENT', url: 'http://site.test/x' },
  })
  const files = error?.kind === 'error' ? error.error.files : []
  expect(files).toEqual(['error.txt', 'console.txt', 'screenshot.png'].map((name) => `errors/0002-0/${name}`))
  expect([...readFileSync(join(path, files[2] ?? ''))]).toEqual([1, 2])
  expect(events.filter(({ type }) => type === 'retry')).toHaveLength(1)

  // Without being asked nothing is played again; asked, only what failed.
  opened.length = 0
  await runEvaluation(run)
  expect(opened).toEqual([])
  down = false
  await runEvaluation({ ...run, retryErrors: true })
  close()
  expect(opened).toEqual(['read-b'])
  const { records } = await readEvaluation(path)
  expect([...records.values()].map(({ kind }) => kind)).toEqual(Array(4).fill('episode'))
})

test('an episode that broke once and was played again says so', async () => {
  let failures = 1
  const { run, path, close } = await evaluation({
    opens: () => {
      if (failures-- > 0) throw new EnvironmentError('the browser died')
    },
  })
  await runEvaluation({ ...run, concurrency: 1 })
  close()
  const retried = [...(await readEvaluation(path)).records.values()].filter(
    (record) => record.kind === 'episode' && record.retried === 'the browser died',
  )
  expect(retried).toHaveLength(1)
})

test('a lost device and a full disk end the evaluation; nothing is counted that was not kept', async () => {
  const lost = Object.assign(new Error('the device is lost'), { code: 'ERR_CUDA_FATAL' })
  const { run, close } = await evaluation()
  const agent = { ...run.agent, policy: { act: () => Promise.reject(lost), release: () => {} } }
  await expect(runEvaluation({ ...run, agent })).rejects.toBe(lost)
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  const records = new Map<string, ItemRecord>()
  const broken = { ...run.folder, save: () => Promise.reject(full), saveEvidence: async () => [] }
  await expect(runEvaluation({ ...run, records, folder: broken })).rejects.toBe(full)
  expect(records.size).toBe(0)
  close()
})

test('tasks are played where the schedule puts them, and after those they depend on', async () => {
  const places: unknown[] = []
  const { run, log, close } = await evaluation({
    suite: {
      instances: { shopping: 2 },
      dependsOn: ({ task_id }) => (task_id === 'read-a' ? ['write-b'] : []),
      at(task, placement) {
        places.push([task.task_id, placement])
        return { ...task, start_url: `http://${placement.shopping ?? 'only'}.test/` }
      },
    },
  })
  await runEvaluation(run)
  close()
  expect(log.indexOf('write-b')).toBeLessThan(log.indexOf('read-a'))
  expect(places).toContainEqual(['read-b', { reddit: 0 }])
  const written = run.records.get('0001-0')
  expect(written?.kind === 'episode' && written.episode.task.start_url).toMatch(/^http:\/\/[01]\.test\/$/)
})
