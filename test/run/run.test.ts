/** The run directory: created whole or not at all, appended, torn, read back, resumed. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Episode } from '../../lib/agent/episode.ts'
import { defineConfig } from '../../lib/config/load.ts'
import { RunDirectory, readRun } from '../../lib/run/directory.ts'
import { environmentFacts } from '../../lib/run/environment.ts'
import { decodeLine, encodeEpisode } from '../../lib/run/episodes.ts'
import { phaseResults, type TrainEvent } from '../../lib/run/events.ts'
import { JsonlWriter, readJsonl } from '../../lib/run/jsonl.ts'
import { episodePhases, readEnvironment, readEpisodes, readEvents } from '../../lib/run/read.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-run-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const config = () => defineConfig({ run: { directory: join(folder, 'runs'), seed: 5 } })

function episode(id: string, phase = 0, over: Partial<Episode> = {}): Episode {
  return {
    id,
    task: {
      sites: ['shop'],
      task_id: id,
      require_login: false,
      storage_state: null,
      start_url: 'http://shop.test/',
      geolocation: null,
      intent_template: '',
      instantiation_dict: {},
      intent: 'buy "red lamp"',
      require_reset: false,
      intent_template_id: 0,
      eval: { eval_types: ['string_match'], reference_answers: null, reference_url: null, program_html: [] },
    },
    phase,
    seed: 0xfedcba9876543210n,
    temperature: 1,
    steps: [
      {
        promptIds: Int32Array.of(1, 2, 3),
        actionIds: Int32Array.of(4, 5),
        logprobs: Float32Array.of(-0.1, -1e-7),
        actionText: 'do(action="Click", element="red lamp")',
        action: { kind: 'click', element: 'red lamp' },
        url: 'http://shop.test/',
        pageText: '<a> red lamp </a>',
        error: 'no such element',
        reached: Uint8Array.of(1, 0, 0, 0),
      },
    ],
    end: 'exit',
    answer: 'done',
    judgement: { score: 1, details: ['ok'] },
    seconds: 0.25,
    ...over,
  }
}

const learned = { value: 0.5, potential: 0.25, auxiliary: 0.1, reward: 0.1, advantage: -0.3 }
const step = (n: number, phase = 0): TrainEvent => ({
  type: 'step',
  stage: 'actor',
  phase,
  step: n,
  total: 9,
  loss: 1 / n,
  gradNorm: 1,
  learningRate: 1e-3,
  milliseconds: 2,
  tokensPerSecond: 3,
  memoryBytes: 4,
})
const collect = async (values: AsyncIterable<unknown>) => {
  const all: unknown[] = []
  for await (const value of values) all.push(value)
  return all
}
const thrown = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(Error)
  return error as Error & { code: string }
}

describe('creating', () => {
  test('lays out a run, points latest at it, and reads its own configuration back', async () => {
    const run = await RunDirectory.create(config(), { environment: environmentFacts({ mira: 'x' }) })
    run.close()
    expect(readdirSync(run.path).sort()).toEqual([
      'checkpoints',
      'config.yaml',
      'environment.json',
      'episodes',
      'metrics.jsonl',
      'state.json',
    ])
    expect(readlinkSync(join(folder, 'runs', 'latest'))).toBe(run.name)
    const read = await readRun(join(folder, 'runs', 'latest'))
    expect(read.config).toEqual(config())
    expect(read.state).toEqual({ version: 1, completedPhase: -1, best: null, finished: false })
    expect(await readEnvironment(run.path)).toMatchObject({ mira: 'x', node: process.version })
  })
  test('two runs of the same second do not meet; latest follows', async () => {
    const [first, second] = [await RunDirectory.create(config()), await RunDirectory.create(config())]
    first.close()
    second.close()
    expect(first.path).not.toBe(second.path)
    expect(readlinkSync(join(folder, 'runs', 'latest'))).toBe(second.name)
  })
  test('a run that never began leaves no trace, and latest names what it named before', async () => {
    const latest = join(folder, 'runs', 'latest')
    const only = await RunDirectory.create(config())
    await only.discard()
    expect(existsSync(only.path)).toBe(false)
    expect(existsSync(latest)).toBe(false)
    const kept = await RunDirectory.create(config())
    kept.close()
    await (await RunDirectory.create(config())).discard()
    expect(readlinkSync(latest)).toBe(kept.name)
    expect(existsSync(kept.path)).toBe(true)
  })
  test('a named run, and its name taken', async () => {
    const named = defineConfig({ run: { directory: folder, name: 'mine' } })
    const run = await RunDirectory.create(named)
    run.close()
    expect(run.path).toBe(join(folder, 'mine'))
    const error = await thrown(RunDirectory.create(named))
    expect(error).toMatchObject({ code: 'ERR_RUN_NOT_EMPTY' })
    expect(error.message).toMatch(/empty folder for the run at .*mine, it holds \d+ entries/)
  })
  test('a folder that holds something is left as it was', async () => {
    writeFileSync(join(folder, 'thesis.txt'), 'x')
    expect(await thrown(RunDirectory.create(config(), { directory: folder }))).toMatchObject({
      code: 'ERR_RUN_NOT_EMPTY',
    })
    expect(readdirSync(folder)).toEqual(['thesis.txt'])
  })
  test('a place that cannot be a folder', async () => {
    writeFileSync(join(folder, 'file'), 'x')
    for (const directory of [join(folder, 'file'), join(folder, 'file', 'run')]) {
      expect(await thrown(RunDirectory.create(config(), { directory }))).toMatchObject({
        code: 'ERR_RUN_UNWRITABLE',
      })
    }
    expect(await thrown(RunDirectory.create(config(), { directory: '/proc/mira/run' }))).toMatchObject({
      code: 'ERR_RUN_UNWRITABLE',
    })
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('x')
  })
  test('something else called latest is left alone', async () => {
    mkdirSync(join(folder, 'runs', 'latest'), { recursive: true })
    const run = await RunDirectory.create(config())
    run.close()
    expect(readdirSync(join(folder, 'runs', 'latest'))).toEqual([])
  })
})

describe('episodes', () => {
  test('come back as they were, with what learning saw', async () => {
    const run = await RunDirectory.create(config())
    run.saveEpisode(episode('a'))
    run.saveEpisode(episode('b', 1, { steps: [] }))
    run.saveLearning(0, 'a', [{ ...learned, logRatio: -0.5 }])
    run.close()
    expect(await episodePhases(run.path)).toEqual([0, 1])
    const [a] = await readEpisodes(run.path, 0)
    expect(a?.episode).toEqual(episode('a'))
    expect(a?.episode.steps[0]?.logprobs).toBeInstanceOf(Float32Array)
    expect(a?.learning?.[0]).toMatchObject({
      advantage: Number(Math.fround(-0.3).toPrecision(9)),
      logRatio: -0.5,
    })
    expect((await readEpisodes(run.path, 1))[0]).toEqual({ episode: episode('b', 1, { steps: [] }) })
    expect(await readEpisodes(run.path, 7)).toEqual([])
  })
  test('every float32 survives the nine digits', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ noNaN: true, noDefaultInfinity: true, max: 0, minLength: 1 }),
        (logprobs) => {
          const [only] = episode('a').steps
          const line = decodeLine(
            JSON.parse(
              JSON.stringify(
                encodeEpisode(
                  episode('a', 0, { steps: [{ ...(only as NonNullable<typeof only>), logprobs }] }),
                ),
              ),
            ),
            'x',
          )
          const back = line.kind === 'episode' ? line.episode.steps[0]?.logprobs : undefined
          back?.forEach((value, i) => {
            expect(value === logprobs[i]).toBe(true)
          })
          expect(back).toHaveLength(logprobs.length)
        },
      ),
    )
  })
  test('a foreign line names what is wrong', () => {
    expect(() => decodeLine({ ...encodeEpisode(episode('a')), seed: 3 }, 'e.jsonl')).toThrow(
      /e\.jsonl: expected an episode of this version, seed is wrong/,
    )
    expect(() => decodeLine({ kind: 'other' }, 'e.jsonl')).toThrow(/kind is wrong/)
  })
})

describe('a killed process', () => {
  test('its torn last line is left out, and the next writer starts a new one', async () => {
    const path = join(folder, 'a.jsonl')
    const first = new JsonlWriter(path)
    first.write({ n: 1 })
    first.close()
    appendFileSync(path, '{"n": 2, "to')
    const all = async () => collect(readJsonl(path))
    expect(await all()).toEqual([{ n: 1 }])
    const next = new JsonlWriter(path)
    next.write({ n: 3 })
    next.close()
    expect(await all()).toEqual([{ n: 1 }, { n: 3 }])
    await expect(collect(readJsonl(path, { strict: true }))).rejects.toThrow(/line 2: expected JSON/)
  })
  test('a writer that was closed says so, and a folder cannot be appended to', () => {
    const writer = new JsonlWriter(join(folder, 'a.jsonl'))
    writer.close()
    writer.close()
    expect(() => writer.write(1)).toThrow(/to be open, it was closed/)
    expect(() => new JsonlWriter(folder)).toThrow(/cannot be opened \(EISDIR\)/)
  })
})

describe('checkpoints and resumption', () => {
  test('a checkpoint is whole or absent, and replaced whole', async () => {
    const run = await RunDirectory.create(config())
    await expect(
      run.checkpoint(0, async (directory) => {
        writeFileSync(join(directory, 'half'), '')
        throw new Error('disk full')
      }),
    ).rejects.toThrow('disk full')
    expect(readdirSync(join(run.path, 'checkpoints'))).toEqual([])
    expect(run.state.completedPhase).toBe(-1)
    for (const text of ['old', 'new']) {
      const path = await run.checkpoint(0, async (directory) => writeFileSync(join(directory, 'model'), text))
      expect(readFileSync(join(path, 'model'), 'utf8')).toBe(text)
    }
    await run.keepBest(0, 0.5)
    expect(readdirSync(join(run.path, 'checkpoints')).sort()).toEqual(['best', 'phase-0'])
    expect(readFileSync(join(run.path, 'checkpoints', 'best', 'model'), 'utf8')).toBe('new')
    await run.finish()
    run.close()
    expect((await readRun(run.path)).state).toEqual({
      version: 1,
      completedPhase: 0,
      best: { phase: 0, validation: 0.5 },
      finished: true,
    })
  })

  test('going on: the cut phase is set aside and its events do not count twice', async () => {
    const run = await RunDirectory.create(config())
    run.record({ type: 'run', directory: run.path, seed: 5 })
    run.record(step(1, 0))
    run.saveEpisode(episode('a', 0))
    await run.checkpoint(0, async () => {})
    run.record(step(1, 1))
    run.record({ type: 'warning', phase: 1, message: 'x' })
    run.saveEpisode(episode('b', 1))
    run.close()

    const resumed = await RunDirectory.open(run.path)
    expect(resumed.state.completedPhase).toBe(0)
    expect(resumed.config).toEqual(config())
    resumed.record({ type: 'run', directory: run.path, seed: 5, resumedAfterPhase: 0 })
    resumed.record(step(1, 1))
    resumed.saveEpisode(episode('c', 1))
    resumed.close()

    const events = await readEvents(run.path)
    expect(events.map((event) => event.type)).toEqual(['run', 'step', 'run', 'step'])
    expect(events.every((event) => !Number.isNaN(Date.parse(event.time)))).toBe(true)
    expect(await readEvents(run.path, { all: true })).toHaveLength(6)
    expect((await readEpisodes(run.path, 1)).map((record) => record.episode.id)).toEqual(['c'])
    expect(existsSync(join(run.path, 'episodes', 'phase-1.interrupted-1.jsonl'))).toBe(true)
  })

  test('what is no run, or a damaged one', async () => {
    expect(await thrown(RunDirectory.open(folder))).toMatchObject({ code: 'ERR_RUN_MISSING' })
    const run = await RunDirectory.create(config())
    run.close()
    writeFileSync(join(run.path, 'state.json'), '{"version":')
    expect(await thrown(readRun(run.path))).toMatchObject({ code: 'ERR_RUN_FORMAT' })
    writeFileSync(join(run.path, 'config.yaml'), 'policy: { betta: 1 }\n')
    writeFileSync(
      join(run.path, 'state.json'),
      '{"version":1,"completedPhase":0,"best":null,"finished":false}',
    )
    expect(await thrown(readRun(run.path))).toMatchObject({ code: 'ERR_CONFIG' })
    writeFileSync(join(run.path, 'metrics.jsonl'), '{"a":1}\n')
    await expect(readEvents(run.path)).rejects.toThrow(/expected events with a type/)
  })
})

test('evaluations by phase, the last of each split counts', () => {
  const evaluation = (
    phase: number,
    split: 'test' | 'validation' | 'train',
    successes: number,
  ): TrainEvent => ({
    type: 'evaluation',
    phase,
    split,
    episodes: 10,
    successes,
    sites: [],
    ends: {},
    seconds: 1,
  })
  const results = phaseResults([
    evaluation(1, 'test', 3),
    evaluation(0, 'test', 1),
    evaluation(1, 'validation', 5),
    evaluation(1, 'test', 4),
    evaluation(0, 'train', 9),
  ])
  expect(
    results.map(({ phase, test, validation }) => [phase, test?.successes, validation?.successes]),
  ).toEqual([
    [0, 1, undefined],
    [1, 4, 5],
  ])
})
