/** `mira subgoals` on a run of embedded episodes: figures with and without noise, and language models over the wire. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Episode } from '../../lib/agent/episode.ts'
import { milestoneStudy } from '../../lib/analysis/validation-study.ts'
import { keptEpisodes } from '../../lib/cli/kept-episodes.ts'
import { main } from '../../lib/cli/main.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { readStudy } from '../../lib/report/subgoals.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { demonstrate } from '../../lib/sites/demonstrations.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import type { WorldDriver } from '../../lib/sites/kit.ts'
import { buildSuite } from '../../lib/sites/suite.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'
import { say, TestServer } from '../llm/server.ts'

const parent = mkdtempSync(join(tmpdir(), 'mira-subgoals-'))
const run = join(parent, 'run')
let server: TestServer
const quiet = ['--set', 'llm.cache.mode=off']

beforeAll(async () => {
  server = await TestServer.start()
  const directory = await RunDirectory.create(loadConfig({}), { directory: run })
  for (const episode of await episodes(24)) directory.saveEpisode(episode)
  await directory.checkpoint(0, async () => {})
  directory.close()
})
afterAll(async () => {
  await server.close()
  rmSync(parent, { recursive: true })
})

/** Experts and slips; a third of them broken off on the way. */
async function episodes(count: number): Promise<Episode[]> {
  const templates = [...embeddedWeb.templates.values()]
  const tasks = buildSuite({ templates, split: 'test', count, seed: 5 })
  const driver = inProcessDriver(embeddedBackend(embeddedWeb)) as WorldDriver
  const rates = new Map(templates.map(({ id }) => [id, 0.4]))
  const played: Episode[] = []
  for await (const demonstration of demonstrate({ driver, tasks, addressing: 'name', rates, seed: 3 })) {
    const n = played.length
    const whole = n % 3 > 0
    const steps = demonstration.steps.slice(0, whole ? undefined : 1 + (n % 4))
    const last = steps.at(-1)?.action
    played.push({
      id: `e${n}`,
      task: demonstration.task.task,
      phase: 0,
      seed: 1n,
      temperature: 0,
      steps: steps.map(({ observation, action, reached }) => ({
        promptIds: new Int32Array(0),
        actionIds: new Int32Array(0),
        logprobs: new Float32Array(0),
        actionText: formatAction(action),
        action,
        url: observation.url,
        pageText: observation.text,
        reached,
      })),
      end: last?.kind === 'exit' ? 'exit' : 'horizon',
      ...(last?.kind === 'exit' ? { answer: last.message } : {}),
      judgement: { score: whole && demonstration.success ? 1 : 0, details: [] },
      seconds: 0,
    })
  }
  return played
}

/** A generator's reply. */
function four(what: string): string {
  return JSON.stringify({ milestones: ['one', 'two', 'three', 'four'].map((n) => `${what} ${n}`) })
}

async function mira(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [new Sink(), new Sink()]
  const code = await main(argv, { out, err, quit: () => {} })
  return { code, out: out.text, err: err.text }
}

class Sink {
  text = ''
  readonly isTTY = false
  write(text: string): boolean {
    this.text += text
    return true
  }
}

describe('validate', () => {
  test('every figure of the paper for the oracle and three levels of noise, kept for the report', async () => {
    const { code, out } = await mira('subgoals', 'validate', run)
    expect(code).toBe(0)
    expect(out).toMatch(/oracle +noise 0\.85\/0\.92 +noise 0\.60\/0\.79 +noise 0\.40\/0\.60\n/)
    for (const figure of ['precision', 'recall', 'F1', 'AUROC', "Kendall's tau-b", 'p, two-sided', '4/4']) {
      expect(out).toMatch(new RegExp(`^  ${figure} .*\\d`, 'm'))
    }
    const study = await readStudy(run)
    expect(study?.entries.map(({ name }) => name)).toEqual([
      'oracle',
      'noise 0.85/0.92',
      'noise 0.60/0.79',
      'noise 0.40/0.60',
    ])
    for (const { noise } of study?.entries.slice(1) ?? []) {
      expect(noise?.expected.recall).toBeCloseTo(noise?.target.recall ?? 0, 5)
      expect(noise?.expected.precision).toBeCloseTo(noise?.target.precision ?? 0, 5)
    }
    const page = readFileSync(join(run, 'report.html'), 'utf8')
    expect(page).toContain('Milestones against success')
    expect(page).toContain('ROC curve of the share of milestones reached')
  })

  test('repeats for a seed and differs for another; JSON is the study', async () => {
    const json = async (...more: string[]) => {
      const { out } = await mira('subgoals', 'validate', run, '--json', '--no-report', ...more)
      return milestoneStudy.parse(JSON.parse(out))
    }
    const [first, again, other] = [await json(), await json(), await json('--seed', '9')]
    expect(again).toEqual(first)
    expect(other.entries[0]).toEqual(first.entries[0])
    expect(other.entries[2]).not.toEqual(first.entries[2])
    expect((await json('--noise', '0.9/0.9')).entries.map(({ name }) => name)).toEqual([
      'oracle',
      'noise 0.90/0.90',
    ])
    expect((await json('--without-noise')).entries).toHaveLength(1)
  })

  test('what cannot be is a sentence and exit code 2', async () => {
    expect(await mira('subgoals', 'validate', run, '--noise', '2/1')).toMatchObject({ code: 2 })
    const train = await mira('subgoals', 'validate', run, '--split', 'train')
    expect(train).toMatchObject({ code: 2 })
    expect(train.err).toContain('holds none; try --split all')
    expect((await mira('subgoals', 'validate', run, '--milestones', 'x.jsonl')).err).toContain(
      'expected --rater',
    )
    const impossible = await mira('subgoals', 'validate', run, '--noise', '0.6/0.001')
    expect(impossible.err).toContain('expected a precision that can be had with recall 0.6')
  })

  test('a damaged study is named when the report is made', async () => {
    const copy = join(parent, 'damaged')
    const directory = await RunDirectory.create(loadConfig({}), { directory: copy })
    directory.close()
    writeFileSync(join(copy, 'subgoals.json'), '{"version": 1}')
    const { code, err } = await mira('report', copy)
    expect(code).not.toBe(0)
    expect(err).toContain('write it anew with mira subgoals validate')
  })
})

test('an evaluation: its pictures, its report, and noise that cannot be had left out with a note', async () => {
  const directory = join(parent, 'evaluation')
  const policy = fileURLToPath(new URL('../evaluation/expert-policy.ts', import.meta.url))
  const suite = ['--suite', 'embedded', '--policy', policy, '--episodes', '3']
  expect((await mira('eval', ...suite, '--out', directory, '--quiet')).code).toBe(0)
  const picture = join(directory, 'screenshots', '0001-0')
  mkdirSync(picture, { recursive: true })
  writeFileSync(join(picture, '00.png'), 'PNG')
  const { episodes: kept, pictureOf } = await keptEpisodes(directory)
  const pictures = await Promise.all(kept.map((episode) => pictureOf(episode, 0)))
  expect(pictures.map((png) => png && String(png))).toEqual([undefined, 'PNG', undefined])

  const { code, out, err } = await mira('subgoals', 'validate', directory)
  expect(code).toBe(0)
  expect(out).toContain('embedded: 3 episodes, 3 solved')
  expect(err).toMatch(/note: 0\.85\/0\.92 left out: noise: expected a sample with successes and failures/)
  expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('Milestones against success')
  expect((await mira('subgoals', 'validate', directory, '--phase', '1')).err).toContain('leave --phase out')
})

describe('language models', () => {
  const spec = () => `openai:test-model@${server.origin}/v1`

  test('generate writes a line per task, which validate reads with a rater', async () => {
    server.otherwise = ({ body }) => {
      if (body.response_format?.json_schema.name === 'milestones') return say(four('a state'))
      // Who exited is said to be done; everything before cannot be told.
      const reached = JSON.stringify(body).includes('exit(') ? 'yes' : 'unclear'
      return say(JSON.stringify({ verdicts: [1, 2, 3, 4].map((milestone) => ({ milestone, reached })) }))
    }
    const out = join(parent, 'milestones.jsonl')
    const made = await mira(
      ...['subgoals', 'generate', '--model', spec(), '--episodes', '6', '--out', out, ...quiet],
    )
    expect(made).toMatchObject({ code: 0, err: '' })
    const lines = readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(6)
    expect(lines[0]).toMatchObject({ model: 'openai/test-model', milestones: { length: 4 } })
    // The first page was seen.
    expect(JSON.stringify(server.seen[0]?.body)).toContain('.test/')

    // Without a file they are the milestones of the run's own tasks.
    const rated = await mira(
      ...['subgoals', 'validate', run, '--rater', spec(), '--without-noise', '--no-report', '--json'],
      ...['--set', 'milestones.batch=true'],
      ...quiet,
    )
    const study = milestoneStudy.parse(JSON.parse(rated.out))
    expect(study.entries.map(({ name }) => name)).toEqual(['oracle', 'openai/test-model'])
    const [, entry] = study.entries
    expect(entry?.verdicts?.undecided).toBeGreaterThan(0)
    expect(entry?.verdicts?.undecided).toBeLessThan(entry?.verdicts?.asked ?? 0)
    expect(entry?.validation.exact.recall).toBe(1)
    expect(server.violations).toEqual([])
  })

  test("the oracle's milestones need no model", async () => {
    const { code, out } = await mira('subgoals', 'generate', '--model', 'oracle', '--episodes', '3')
    expect(code).toBe(0)
    for (const line of out.trim().split('\n')) expect(JSON.parse(line).milestones).toHaveLength(4)
  })

  test('select tries prompts and draws and keeps the one whose milestones follow success', async () => {
    const prompt = (name: string) => {
      const path = join(parent, `${name}.md`)
      writeFileSync(path, `${name} manner\n---\n{task}: {count} milestones like {examples}`)
      return path
    }
    server.otherwise = ({ body }) => {
      const text = JSON.stringify(body)
      if (body.response_format) return say(four(text.includes('good manner') ? 'meant' : 'vague'))
      return say(text.includes('meant') && text.includes('exit(') ? 'YES' : 'NO')
    }
    const out = join(parent, 'selection.json')
    const chosen = await mira(
      ...[
        'subgoals',
        'select',
        run,
        '--planner',
        spec(),
        '--prompt',
        prompt('poor'),
        '--prompt',
        prompt('good'),
      ],
      ...['--draws', '1', '--split', 'test', '--limit', '9', '--out', out, ...quiet],
    )
    expect(chosen.code).toBe(0)
    expect(chosen.out).toContain('9 episodes of 9 tasks')
    const result = JSON.parse(readFileSync(out, 'utf8'))
    expect(result.candidates).toHaveLength(2)
    expect(result.best).toMatch(/^milestones\.seed=0 milestones\.prompt=.*good\.md$/)
    expect(result.candidates[0].score).toBe(0.5)
    expect(server.violations).toEqual([])
  })

  test('a server that fails ends in its error', async () => {
    server.otherwise = () => say('never JSON')
    const { code, err } = await mira('subgoals', 'generate', '--model', spec(), '--episodes', '1', ...quiet)
    expect(code).toBe(1)
    expect(err).toContain('expected milestones as JSON')
    const unnamed = await mira('subgoals', 'select', run)
    expect(unnamed).toMatchObject({ code: 2 })
    expect(unnamed.err).toContain('--planner: expected a language model')
  })
})
