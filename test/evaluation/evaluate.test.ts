/** Evaluations from the configuration to the folder: interrupted and gone on with, scored again, refused. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../lib/config/load.ts'
import { evaluateSuite, resumeEvaluation } from '../../lib/evaluation/evaluate.ts'
import { readEvaluation } from '../../lib/evaluation/folder.ts'
import type { ModelSource } from '../../lib/evaluation/policy.ts'
import { rescoreEvaluation } from '../../lib/evaluation/rescore.ts'
import type { EvaluationEvent } from '../../lib/evaluation/run.ts'
import { writeEvaluationReport } from '../../lib/report/evaluation.ts'

const expert: ModelSource = {
  kind: 'script',
  path: fileURLToPath(new URL('./expert-policy.ts', import.meta.url)),
}
const TASKS = 8
const config = (...set: string[]) =>
  loadConfig({ set: [`evaluation.episodes=${TASKS}`, 'agent.concurrency=2', ...set] })

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-evaluation-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Outcomes without times. */
const outcome = ({
  items,
}: {
  items: readonly { key: string; state: string; success: boolean; steps?: number }[]
}) => items.map(({ key, state, success, steps }) => ({ key, state, success, steps }))

test('the expert solves the tasks; the folder tells with what, and scores again to the same', async () => {
  const { path, result } = await evaluateSuite(config(), expert, { directory: join(folder, 'one') })
  expect(result.summary.all).toMatchObject({ successes: TASKS, episodes: TASKS })
  expect(result).toMatchObject({ complete: true, notes: [] })
  expect(result.provenance).toMatchObject({
    suite: 'embedded',
    model: { kind: 'script' },
    scoring: { dialect: 'embedded', judge: null, judgeEarlyStops: false },
    browser: 'in-process',
  })
  expect(JSON.parse(readFileSync(join(path, 'result.json'), 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(result)),
  )
  expect(readFileSync(join(path, 'result.md'), 'utf8')).toMatch(/^# embedded: 100\.0% of 8 tasks\n/)
  const page = readFileSync(await writeEvaluationReport(path), 'utf8')
  for (const text of ['100.0%', 'attempt 1', 'Success by site']) expect(page).toContain(text)

  const again = await rescoreEvaluation(path)
  expect(outcome(again.result)).toEqual(outcome(result))
  expect(again.result.provenance.rescoredFrom).toBe(path)
  expect([...(await readEvaluation(again.path)).records.values()].map(judgementOf)).toEqual(
    [...(await readEvaluation(path)).records.values()].map(judgementOf),
  )
})

function judgementOf(record: { kind: string; episode?: { judgement: unknown } }) {
  return record.episode?.judgement
}

test('an evaluation that is cut short keeps what it has and goes on to the same result', async () => {
  const whole = await evaluateSuite(config('evaluation.attempts=2'), expert, {
    directory: join(folder, 'whole'),
  })
  const stop = new AbortController()
  const directory = join(folder, 'cut')
  const cut = evaluateSuite(config('evaluation.attempts=2'), expert, {
    directory,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'item' && event.done === 3) stop.abort(new Error('enough'))
    },
  })
  await expect(cut).rejects.toThrow('enough')
  const before = await readEvaluation(directory)
  expect(before.records.size).toBeGreaterThanOrEqual(3)
  expect(before.records.size).toBeLessThan(2 * TASKS)
  expect(JSON.parse(readFileSync(join(directory, 'result.json'), 'utf8'))).toMatchObject({
    complete: false,
    notes: [expect.stringMatching(/not played yet/), expect.any(String)],
  })
  // A process that was killed leaves half a line.
  appendFileSync(join(directory, 'episodes.jsonl'), '{"key":"0007-1","kind":"epi')
  const events: EvaluationEvent[] = []
  const after = await resumeEvaluation(directory, { onEvent: (event) => events.push(event) })
  expect(events[0]).toEqual({ type: 'start', total: 2 * TASKS, done: before.records.size })
  expect(events.filter(({ type }) => type === 'item')).toHaveLength(2 * TASKS - before.records.size)
  expect(outcome(after.result)).toEqual(outcome(whole.result))
  expect(after.result.summary.passAtK).toEqual([
    { k: 1, rate: 1, tasks: TASKS },
    { k: 2, rate: 1, tasks: TASKS },
  ])
})

test('a folder goes on only with the tasks it began with', async () => {
  const { path } = await evaluateSuite(config('evaluation.episodes=2'), expert, {
    directory: join(folder, 'x'),
  })
  const file = join(path, 'tasks.jsonl')
  const changed = readFileSync(file, 'utf8').replace('"intent":"', '"intent":"Please. ')
  rmSync(file)
  appendFileSync(file, changed)
  await expect(resumeEvaluation(path)).rejects.toThrow(/tasks that .* began with, task \S+ has changed since/)
})

test('what cannot be played is refused before anything is written', async () => {
  const directory = join(folder, 'none')
  const refused = (...set: string[]) => evaluateSuite(config(...set), expert, { directory })
  await expect(refused('evaluation.ids="shop/nothing#1"')).rejects.toThrow(
    /no task has the id "shop\/nothing#1"/,
  )
  await expect(refused('agent.observation=vab')).rejects.toThrow(
    /expected clean .* received vab; add --browser/,
  )
  await expect(refused('evaluation.suite=webarena-lite')).rejects.toThrow(
    /evaluation\.tasks: expected the task file/,
  )
  expect(existsSync(directory)).toBe(false)
  const { path } = await evaluateSuite(config('evaluation.episodes=1'), expert, { directory })
  await expect(
    evaluateSuite(config('evaluation.episodes=1'), expert, { directory: path }),
  ).rejects.toMatchObject({
    code: 'ERR_RUN_NOT_EMPTY',
  })
  await expect(resumeEvaluation(folder)).rejects.toMatchObject({ code: 'ERR_RUN_MISSING' })
})
