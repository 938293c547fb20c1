/** The command line: exit codes, sentences, modes, interruption and resumption, with an engine of our own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Engine, TrainOptions } from '../../lib/cli/engine.ts'
import { duration, resultTable, stepLine } from '../../lib/cli/format.ts'
import { main } from '../../lib/cli/main.ts'
import { RunningZ } from '../../lib/cli/running-z.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import type { Evaluation, TrainEvent, TrainResult } from '../../lib/run/events.ts'
import { readEvents } from '../../lib/run/read.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const evaluation: Evaluation = {
  split: 'test',
  episodes: 240,
  successes: 113,
  sites: [{ site: 'shop', episodes: 60, successes: 30 }],
  ends: { exit: 240 },
  seconds: 12,
}

/** Goes through the motions of one phase, as the real conductor does, and remembers what it was given. */
function engine(over: Partial<Engine> = {}): Engine & { trained: TrainOptions[] } {
  const trained: TrainOptions[] = []
  return {
    trained,
    async train(config, options): Promise<TrainResult> {
      trained.push(options)
      const { run, onEvent } = options
      const tell = (event: TrainEvent) => {
        run.record(event)
        onEvent(event)
      }
      tell({ type: 'run', directory: run.path, seed: config.run.seed })
      tell({ type: 'stage', stage: 'test', phase: 0, total: 8, unit: 'episodes' })
      for (let done = 1; done <= 8; done++)
        tell({ type: 'progress', stage: 'test', phase: 0, done, total: 8 })
      tell({ type: 'warning', phase: 0, message: 'the guard stopped the epoch' })
      tell({ type: 'evaluation', phase: 0, ...evaluation })
      const checkpoint = await run.checkpoint(0, async (directory) =>
        writeFileSync(join(directory, 'config.json'), '{}'),
      )
      tell({ type: 'end', bestPhase: 0, seconds: 3 })
      return {
        outcome: 'completed',
        directory: run.path,
        phases: [{ phase: 0, test: evaluation }],
        bestPhase: 0,
        checkpoint,
        seconds: 3,
      }
    },
    evaluate: async (_, { onEvent, phase, split, episodes }) => {
      const own = { ...evaluation, split, episodes, successes: 1 }
      onEvent({ type: 'evaluation', phase, ...own })
      return own
    },
    writeReport: async (directory) => {
      writeFileSync(join(directory, 'report.html'), '<!doctype html>')
      return join(directory, 'report.html')
    },
    facts: () => ({ torch: 'test' }),
    device: () => 'cpu',
    ...over,
  }
}

async function mira(args: string[], own: Engine = engine()) {
  let [out, err] = ['', '']
  const quits: number[] = []
  const code = await main(args, {
    out: {
      write: (text) => {
        out += text
      },
    },
    err: {
      write: (text) => {
        err += text
      },
    },
    engine: async () => own,
    quit: (value) => quits.push(value),
  })
  return { code, out, err, quits }
}

describe('config', () => {
  test('prints what would be trained with, as YAML or JSON', async () => {
    const { code, out, err } = await mira([
      'config',
      '--preset',
      'smoke',
      '--set',
      'policy.beta=0.5',
      '--seed',
      '9',
    ])
    expect([code, err]).toEqual([0, ''])
    expect(parse(out)).toEqual(loadConfig({ preset: 'smoke', set: ['policy.beta=0.5', 'run.seed=9'] }))
    expect(JSON.parse((await mira(['config', '--json'])).out)).toEqual(loadConfig())
  })
  test('a misspelt key is one sentence and exit 2', async () => {
    const { code, out, err } = await mira(['config', '--set', 'policy.betta=1'])
    expect([code, out]).toEqual([2, ''])
    expect(err).toBe('error: unknown key policy.betta (--set policy.betta=1): did you mean policy.beta?\n')
    expect((await mira(['config', '--set', 'policy.betta=1', '--debug'])).err).toMatch(/at .*load\.ts/)
  })
})

describe('plan', () => {
  test('prints holders and what fits, exit 0; what would fit otherwise, exit 1', async () => {
    const fits = await mira(['plan', '--preset', 'gemma3-12b', '--memory', '139GiB'])
    expect([fits.code, fits.err]).toEqual([0, ''])
    expect(fits.out).toMatch(/^memory plan: Gemma3 12b, adapters, bfloat16, cuda\n/)
    expect(fits.out).toMatch(/\n {2}weights +23\.5 GB +23\.5 GB/)
    const small = await mira(['plan', '--preset', 'gemma3-12b', '--memory', '80GB', '--json'])
    expect(small.code).toBe(1)
    const report = JSON.parse(small.out)
    expect(report).toMatchObject({ fits: false, available: { bytes: 80e9, source: 'as given' } })
    // What it suggests is what fits.
    const set = report.suggestions[0].set.flatMap((line: string) => ['--set', line])
    expect((await mira(['plan', '--preset', 'gemma3-12b', '--memory', '80GB', ...set])).code).toBe(0)
  })
  test('takes the shape from the folder of the weights', async () => {
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ model_type: 'gemma3_text', num_hidden_layers: 6, vocab_size: 1000 }),
    )
    const { out } = await mira(['plan', '--set', `model.path=${folder}`, '--memory', '1TB', '--json'])
    const weights = JSON.parse(out).plan.holders[0]
    // 6 layers of the class defaults: 2304 wide, 8 heads on 4, 9216 in the GeGLU.
    expect(weights.what).toMatch(/^\d+\.\d+M parameters/)
    rmSync(join(folder, 'config.json'))
    const missing = await mira(['plan', '--set', `model.path=${folder}`, '--memory', '1TB'])
    expect([missing.code, missing.err]).toEqual([
      1,
      expect.stringMatching(/model\.path: expected a folder in Hugging Face layout/),
    ])
  })
  test('a size that is none', async () => {
    expect(await mira(['plan', '--memory', 'much'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('expected a size such as 139GiB'),
    })
  })
})

describe('usage', () => {
  test.each([
    [['trian'], /unknown command 'trian'/],
    [['train', '--presett', 'smoke'], /unknown option '--presett'/],
    [['train', '--seed', 'x'], /expected a whole number/],
    [['train', '--json', '--quiet'], /cannot be used with option/],
    [['train', '--resume', 'x', '--seed', '1'], /--resume: expected no other settings .*received --seed/],
    [['eval'], /expected a run directory, or --suite with --model/],
    [['eval', 'x', '--split', 'train'], /Allowed choices/],
  ])('%j', async (args, sentence) => {
    const { code, err } = await mira(args)
    expect(code).toBe(2)
    expect(err).toMatch(sentence)
  })
  test('help is no error', async () => {
    const { code, out } = await mira(['--help'])
    expect(code).toBe(0)
    for (const name of ['train', 'eval', 'report', 'config', 'plan']) expect(out).toContain(name)
  })
})

describe('train', () => {
  test('a whole run: directory, events, table, report, exit 0', async () => {
    const path = join(folder, 'run')
    const { code, out, err } = await mira(['train', '--preset', 'smoke', '--out', path])
    expect(code).toBe(0)
    expect(err).toBe('warning: phase 0: the guard stopped the epoch\n')
    expect(out).toContain('0 imitation *  47.1% [40.9, 53.4]  50.0%')
    expect(out).toContain('  4/8\n')
    expect(out).toContain(`report      ${join(path, 'report.html')}`)
    expect(readdirSync(path)).toContain('report.html')
    expect(JSON.parse(readFileSync(join(path, 'environment.json'), 'utf8'))).toMatchObject({ torch: 'test' })
    expect((await readEvents(path)).at(-1)).toMatchObject({ type: 'stage-end', stage: 'report' })
  })
  test('--json prints events only, --quiet the table and warnings only', async () => {
    const json = await mira(['train', '--json', '--out', join(folder, 'a')])
    const events = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TrainEvent & { time: string })
    expect(events[0]).toMatchObject({ type: 'run', seed: 1 })
    expect(events.every(({ time }) => time.endsWith('Z'))).toBe(true)
    const quiet = await mira(['train', '--quiet', '--out', join(folder, 'b')])
    expect(quiet.out).not.toContain('test on held-out')
    expect(quiet.out).toContain('47.1%')
    expect(quiet.err).toContain('guard')
  })
  test('a wrong configuration loads nothing and writes nothing', async () => {
    const never = () => Promise.reject(new Error('the engine was loaded'))
    const code = await main(['train', '--set', 'run.seed=x', '--out', join(folder, 'run')], {
      out: { write: () => {} },
      err: { write: () => {} },
      engine: never,
    })
    expect(code).toBe(2)
    expect(existsSync(join(folder, 'run'))).toBe(false)
  })
  test('a missing addon is exit 3, before a directory exists', async () => {
    const missing = Object.assign(new Error('the native addon is not built; run `npm run setup`'), {
      code: 'ERR_ADDON_MISSING',
    })
    const own = engine({
      facts: () => {
        throw missing
      },
    })
    const { code, err } = await mira(['train', '--out', join(folder, 'run')], own)
    expect([code, err]).toEqual([3, 'error: the native addon is not built; run `npm run setup`\n'])
    expect(existsSync(join(folder, 'run'))).toBe(false)
  })
  test('a model that cannot be opened leaves no run directory behind', async () => {
    const own = engine({
      train: async () => {
        throw new Error('no such model')
      },
    })
    const at = join(folder, 'run')
    const { code, err } = await mira(['train', '--out', at], own)
    expect(code).toBe(1)
    expect(err).toContain('no such model')
    expect(existsSync(at)).toBe(false)
  })
  test('an unwritable place is exit 3, a full one 2, a failure 1', async () => {
    writeFileSync(join(folder, 'file'), '')
    expect((await mira(['train', '--out', join(folder, 'file', 'run')])).code).toBe(3)
    expect((await mira(['train', '--out', folder])).code).toBe(2)
    const failing = engine({ train: () => Promise.reject(new Error('the loss became NaN')) })
    expect(await mira(['train', '--out', join(folder, 'run')], failing)).toMatchObject({
      code: 1,
      err: 'error: the loss became NaN\n',
    })
  })
})

describe('interruption', () => {
  const waiting = (settle: (run: RunDirectory, signal: AbortSignal) => Promise<TrainResult>) =>
    engine({
      train: async (_, { run, signal }) => {
        await run.checkpoint(0, async () => {})
        queueMicrotask(() => process.emit('SIGINT'))
        await new Promise((resolve) => signal?.addEventListener('abort', resolve))
        return settle(run, signal as AbortSignal)
      },
    })
  const interrupted = async (run: RunDirectory): Promise<TrainResult> => ({
    outcome: 'interrupted',
    directory: run.path,
    phases: [],
    bestPhase: 0,
    checkpoint: run.checkpointPath(0),
    seconds: 1,
  })

  test('Ctrl-C once: exit 4, and how to go on', async () => {
    const path = join(folder, 'run')
    const before = process.listenerCount('SIGINT')
    const { code, err } = await mira(['train', '--out', path], waiting(interrupted))
    expect(code).toBe(4)
    expect(err).toContain('press Ctrl-C again')
    expect(err).toContain(
      `phase 0 is complete in ${join(path, 'checkpoints', 'phase-0')}; go on with: npm run train -- --resume ${path}`,
    )
    expect(process.listenerCount('SIGINT')).toBe(before)
  })
  test('an engine that rejects because of it counts as interrupted too', async () => {
    const rejecting = waiting((_, signal) => Promise.reject(signal.reason))
    expect((await mira(['train', '--out', join(folder, 'run')], rejecting)).code).toBe(4)
  })
  test('twice: quits at once', async () => {
    const twice = waiting(async (run) => {
      process.emit('SIGINT')
      return interrupted(run)
    })
    expect((await mira(['train', '--out', join(folder, 'run')], twice)).quits).toEqual([4])
  })
  test('--resume hands the same run and configuration back', async () => {
    const path = join(folder, 'run')
    await mira(['train', '--preset', 'smoke', '--out', path], waiting(interrupted))
    const own = engine()
    const { code } = await mira(['train', '--resume', path], own)
    expect(code).toBe(0)
    expect(own.trained[0]?.run.config).toEqual(loadConfig({ preset: 'smoke' }))
    expect(own.trained[0]?.run.state.completedPhase).toBe(0)
  })
  test('a finished run, or none, cannot be resumed', async () => {
    const run = await RunDirectory.create(loadConfig(), { directory: join(folder, 'run') })
    await run.finish()
    run.close()
    expect(await mira(['train', '--resume', run.path])).toMatchObject({
      code: 2,
      err: expect.stringContaining('all its phases are done'),
    })
    expect(await mira(['train', '--resume', folder])).toMatchObject({
      code: 2,
      err: expect.stringContaining('expected a run directory'),
    })
  })
})

describe('eval', () => {
  test('measures the best phase by default, others on request', async () => {
    const path = join(folder, 'run')
    await mira(['train', '--out', path])
    const { code, out } = await mira(['eval', path, '--episodes', '20', '--split', 'novel'])
    expect(code).toBe(0)
    expect(out).toMatch(/novel success \[95%\]/)
    expect(out).toContain('5.0% [')
    expect((await mira(['eval', path, '--phase', '3'])).err).toMatch(/complete phases 0 to 0, received 3/)
    expect((await mira(['eval', path, '--phase', 'last'])).err).toMatch(/a number or "best", received "last"/)
    expect((await mira(['eval', folder])).code).toBe(2)
  })
})

describe('lines', () => {
  test('a step in llm.c manner', () => {
    const event = {
      type: 'step' as const,
      stage: 'actor' as const,
      phase: 1,
      step: 12,
      total: 340,
      loss: 0.43214,
      gradNorm: 1.234,
      learningRate: 3e-3,
      milliseconds: 21.34,
      tokensPerSecond: 18432,
      memoryBytes: 412e6,
    }
    expect(stepLine(event, { loss: 0.31, norm: -0.12 })).toBe(
      'step  12/340 | loss 0.4321 (+0.3z) | norm 1.23 (-0.1z) | lr 3.0e-03 | 21.3 ms | 18.4k tok/s | 412 MB',
    )
  })
  test('z-scores against a window, silent at first and without spread', () => {
    const z = new RunningZ(16)
    const first = Array.from({ length: 8 }, (_, i) => z.next(i % 2))
    expect(first.every((value) => value === undefined)).toBe(true)
    expect(z.next(2.5)).toBeCloseTo(4, 9)
    const flat = new RunningZ()
    for (let i = 0; i < 20; i++) expect(flat.next(1.2)).toBeUndefined()
    expect(z.next(Number.NaN)).toBeNaN()
    expect(z.next(1)).not.toBeNaN()
  })
  test('durations', () => {
    expect([0.04, 92.41, 185, 7620].map(duration)).toEqual(['0.0 s', '92.4 s', '3m05s', '2h07m'])
  })
  test('the table leaves out what nobody measured', () => {
    const table = resultTable([{ phase: 0, test: evaluation }, { phase: 1 }], 0)
    expect(table).toBe(
      [
        'phase          test success [95%]   shop',
        '-------------  ------------------  -----',
        '0 imitation *  47.1% [40.9, 53.4]  50.0%',
        '1                               -      -',
        '* kept: best on the validation split',
      ].join('\n'),
    )
  })
})
