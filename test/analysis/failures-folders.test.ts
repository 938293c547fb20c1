/** `mira analyze` on folders as the program itself writes them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseHTML } from 'linkedom'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { main } from '../../lib/cli/main.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { EvaluationFolder } from '../../lib/evaluation/folder.ts'
import { planItems } from '../../lib/evaluation/item.ts'
import type { Provenance } from '../../lib/evaluation/provenance.ts'
import { agentName } from '../../lib/report/analysed.ts'
import type { FailureFile } from '../../lib/report/failures.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { expertOf, type Injected, injectedFailures, labelOf, playOut } from './failures/injected.ts'

const parent = mkdtempSync(join(tmpdir(), 'mira-analyze-'))
const run = join(parent, 'run')
const evaluation = join(parent, 'evaluation')
let cases: Injected[]

beforeAll(async () => {
  cases = await injectedFailures(24, 3)
  const solved = taskFrom(embeddedWeb.template('shop/add-to-cart'), 5)
  const actions = expertOf(solved)
  const played = (id: string) => playOut(solved, (t) => actions[t], { addressing: 'name', horizon: 15 }, id)
  const config = loadConfig({})
  const directory = await RunDirectory.create(config, { directory: run })
  for (const { episode } of cases) directory.saveEpisode(episode)
  const success = await played('solved')
  directory.saveEpisode(success)
  directory.saveLearning(
    0,
    'solved',
    success.steps.map(() => ({ value: 0.7, potential: 0.5, auxiliary: 0, reward: 0, advantage: 0 })),
  )
  directory.close()

  const wrong = cases.find(({ cause }) => cause === 'wrong answer') as Injected
  const tasks = [solved.task, wrong.episode.task]
  const folder = await EvaluationFolder.create(evaluation, {
    provenance: provenance(tasks.length),
    config,
    tasks,
  })
  for (const { key, index, attempt } of planItems(tasks, 2, 1)) {
    if (index === 1 && attempt === 1) {
      const error = { message: 'the browser crashed', time: '2026-01-01T00:00:00Z', files: [] }
      await folder.save({ kind: 'error', key, error })
    } else {
      const episode = index === 0 ? await played(key) : { ...wrong.episode, id: key }
      await folder.save({ kind: 'episode', key, episode })
    }
  }
  folder.close()
}, 240_000)
afterAll(() => rmSync(parent, { recursive: true, force: true }))

function provenance(tasks: number): Provenance {
  return {
    version: 1,
    suite: 'embedded',
    model: { path: 'models/scripted', kind: 'script' },
    tasks,
    attempts: 2,
    seed: 1,
    temperature: 1,
    agent: {
      observation: 'clean',
      addressing: 'name',
      grammar: 'mira',
      manner: 'mira',
      promptStyle: 'compact',
      maxPromptTokens: 1000,
      maxActionTokens: 50,
      horizon: 15,
      stuckRepeats: 3,
      invalidRepeats: 0,
    },
    scoring: { dialect: 'embedded', scorer: 'evaluators', judge: null, judgeEarlyStops: false },
    browser: 'in-process',
    startedAt: '2026-01-01T00:00:00Z',
    environment: {},
  }
}

async function mira(...argv: string[]) {
  const out: string[] = []
  const err: string[] = []
  const code = await main(argv, {
    out: { write: (text) => out.push(text) },
    err: { write: (text) => err.push(text) },
  })
  return { code, out: out.join(''), err: err.join('') }
}

const fileIn = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'failures.json'), 'utf8')) as FailureFile

describe('mira analyze', () => {
  test('a run: table, failures.json, figures, key steps in the report', async () => {
    const { code, out, err } = await mira('analyze', run)
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toContain('run, imitation')
    expect(out).toContain('pass@k: no task was played more than once')
    expect(out).toMatch(/V, phase 0: Brier 0\.0900 .* 4 states/)
    const file = fileIn(run)
    expect(file.distribution.total).toMatchObject({ traces: 25, successes: 1, failures: 24 })
    expect(file.episodes.map(({ episode }) => episode)).toEqual(cases.map(({ episode }) => episode.id))
    for (const name of [
      'failures',
      'failures-by-site',
      'milestones-phase-0',
      'value-phase-0',
      'potential-phase-0',
    ]) {
      const svg = readFileSync(join(run, 'figures', `${name}.svg`), 'utf8')
      expect(parseHTML(svg).document.querySelector('svg > title')?.textContent).toBeTruthy()
    }
    const { document } = parseHTML(readFileSync(join(run, 'report.html'), 'utf8'))
    expect(document.querySelector('#failures')?.textContent).toContain('24 of 25 judged episodes failed')
    const data = JSON.parse(document.querySelector('#episode-data')?.textContent ?? '{}')
    const marked = data.episodes.filter((episode: { failure?: object }) => episode.failure)
    expect(marked).toHaveLength(24)
    const first = file.episodes.find(({ episode }) => episode === marked[0].id)
    expect(marked[0].failure).toEqual({
      class: first?.class,
      keyStep: first?.keyStep,
      summary: first?.summary,
    })
  })

  test('an evaluation: pass@k of its attempts, and what the browser broke among the others', async () => {
    const { code, out } = await mira('analyze', evaluation)
    expect(code).toBe(0)
    expect(out).toContain('pass@1')
    expect(out).toContain('an evaluation has no critics')
    const { total } = fileIn(evaluation).distribution
    expect(total).toMatchObject({ traces: 4, successes: 2, counts: { 'wrong-termination': 1, others: 1 } })
    expect(readFileSync(join(evaluation, 'figures', 'pass-at-k.svg'), 'utf8')).toContain('<svg')
    expect(readFileSync(join(evaluation, 'report.html'), 'utf8')).toContain('id="failures"')
  })

  test('several folders into one place, with labels, rules of one’s own, and nothing written elsewhere', async () => {
    const labels = join(parent, 'labels.csv')
    const rows = cases.map((own) => {
      const { class: kind, keyStep } = labelOf(own)
      return `${own.episode.id},${kind},${keyStep}`
    })
    writeFileSync(labels, ['episode,class,key step', ...rows, 'nobody,A,1'].join('\n'))
    const before = readFileSync(join(run, 'report.html'), 'utf8')
    const out = join(parent, 'out')
    const result = await mira(
      'analyze',
      run,
      evaluation,
      '--labels',
      labels,
      '--out',
      out,
      '--rule',
      'cycleRepeats=4',
    )
    expect(result.err).toBe('')
    expect(result.out).toContain("Cohen's kappa")
    expect(result.out).toContain('1 labels belong to no failed episode: nobody')
    const file = fileIn(out)
    expect(file.settings.cycleRepeats).toBe(4)
    expect(file.labels).toMatchObject({ count: 24, unmatched: ['nobody'] })
    expect(file.labels?.share).toBeGreaterThan(0.9)
    expect(file.distribution.models.map(({ name }) => name)).toEqual(['run, imitation', 'scripted'])
    expect(existsSync(join(out, '2-evaluation', 'failures.json'))).toBe(true)
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toBe(before)
  })

  test('an agent is a model and who guides it', () => {
    const { model } = provenance(1)
    const sgo = { planner: 'oracle', rater: 'oracle', thinking: null, noise: null, replanAfter: 5 }
    const aimed = { ...sgo, aim: 'first-undone', onStall: 'drop' }
    expect(agentName({ model })).toBe('scripted')
    expect(agentName({ model: { ...model, phase: 2 }, sgo: aimed })).toBe('scripted, phase 2, SGO oracle')
    const noisy = { ...aimed, noise: { falseNegative: 0.2, falsePositive: 0.03 } }
    expect(agentName({ model, sgo: noisy })).toBe('scripted, SGO oracle with noise 0.2/0.03')
    const asked = { ...aimed, planner: 'gemini:a', rater: 'gemini:b', thinking: 256 }
    expect(agentName({ model, sgo: asked })).toBe('scripted, SGO gemini:a rated by gemini:b thinking 256')
  })

  test('as JSON, and only one split', async () => {
    const { out } = await mira('analyze', run, '--json', '--split', 'test', '--out', join(parent, 'json'))
    const file = JSON.parse(out) as FailureFile
    const tests = cases.filter(({ episode }) => episode.task.embedded?.split === 'test')
    expect(file.distribution.total.failures).toBe(tests.length)
  })

  test.each([
    [['analyze', join(parent, 'nowhere')], /nowhere/],
    [['analyze', run, '--rule', 'cycles=4'], /--rule .*known are identicalActions, cycleRepeats/],
    [['analyze', run, '--rule', 'cycleRepeats=one'], /--rule cycleRepeats/],
    [['analyze', run, '--labels', join(parent, 'none.csv')], /--labels: expected a CSV file/],
    [['analyze', run, '--refine', 'nothing'], /nothing/],
  ])('%j ends with one sentence', async (argv, message) => {
    const { code, err } = await mira(...argv)
    expect(code).toBe(2)
    expect(err.trim().split('\n')).toHaveLength(1)
    expect(err).toMatch(message)
  })
})
