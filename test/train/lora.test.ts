/** Adapter runs with the real addon: three roles on one frozen base, files that load anywhere, exact resumption. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defineConfig } from '../../lib/config/load.ts'
import type { Config, ConfigInput } from '../../lib/config/schema.ts'
import { Gemma } from '../../lib/native/model.ts'
import { PlanError } from '../../lib/train/memory-plan.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import type { TrainEvent } from '../../lib/run/events.ts'
import { evaluate, train } from '../../lib/train/conductor.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-lora-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Several optimizer steps per stage, so that moments matter. */
function tiny(training: ConfigInput['training'], model: ConfigInput['model'] = {}): Config {
  return defineConfig({
    model: {
      device: 'cpu',
      architecture: {
        hidden: 32,
        layers: 2,
        heads: 2,
        headDim: 16,
        intermediate: 64,
        layerTypes: ['sliding_attention', 'full_attention'],
      },
      ...model,
    },
    training: { ...training, lora: { rank: 4, alpha: 8 } },
    suite: { templates: ['shop/add-to-cart', 'forum/upvote-post', 'map/set-home'] },
    agent: { horizon: 4, maxActionTokens: 12, concurrency: 8 },
    imitation: { demonstrations: 12, epochs: 1 },
    critics: { pretrainRollouts: 4, pretrainEpochs: 1, batchSize: 6, potentialLearningRate: 1e-3 },
    policy: { batchSize: 6 },
    phases: { count: 2, rollouts: 6 },
    evaluation: { episodes: 3, validationEpisodes: 3, novelEpisodes: 0 },
    run: { seed: 7, threads: 1 },
  })
}

async function run(config: Config, directory: string, stopAt?: (event: TrainEvent) => boolean) {
  const at = existsSync(directory)
    ? await RunDirectory.open(directory)
    : await RunDirectory.create(config, { directory })
  const events: TrainEvent[] = []
  const stop = new AbortController()
  try {
    const result = await train(at.config, {
      run: at,
      onEvent: (event) => {
        events.push(event)
        if (stopAt?.(event)) stop.abort()
      },
      signal: stop.signal,
    })
    return { result, events }
  } finally {
    at.close()
  }
}

/** Every loss of a phase, in order. */
const losses = (events: readonly TrainEvent[], phase: number) =>
  events.flatMap((event) =>
    event.type === 'step' && event.phase === phase ? [[event.stage, event.loss]] : [],
  )

const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

test('adapters of an actor and two critics train on one base that stays as it was', async () => {
  const directory = join(folder, 'run')
  const config = tiny({ mode: 'lora' })
  let frozen = ''
  const { result } = await run(config, directory, (event) => {
    if (event.type === 'run') frozen = hash(join(directory, 'base', 'model.safetensors'))
    return false
  })
  expect(result.outcome).toBe('completed')
  expect(hash(join(directory, 'base', 'model.safetensors'))).toBe(frozen)
  const phase = join(directory, 'checkpoints', 'phase-2')
  expect(readdirSync(phase).sort()).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'optimizer',
    'potential',
    'value',
  ])
  expect(readdirSync(join(phase, 'value')).sort()).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'heads.safetensors',
  ])
  // Only the latest phase can be gone on from.
  expect(existsSync(join(directory, 'checkpoints', 'phase-1', 'optimizer'))).toBe(false)
  const adapter = JSON.parse(readFileSync(join(phase, 'adapter_config.json'), 'utf8'))
  expect(adapter).toMatchObject({ r: 4, lora_alpha: 8, base_model_name_or_path: join(directory, 'base') })
  // The actor has moved, and what is saved is what was tested.
  const again = await evaluate(config, {
    checkpoint: join(directory, 'checkpoints', 'phase-2'),
    phase: 2,
    split: 'test',
    episodes: 3,
    onEvent: () => {},
  })
  expect(again.progress).toBe(result.phases[2]?.test?.progress)
  expect(again.successes).toBe(result.phases[2]?.test?.successes)
  const base = await Gemma.load(join(directory, 'base'))
  const role = await base.role({ name: 'actor', kind: 'lora', lora: { rank: 4, alpha: 8, seed: 0 } })
  await role.loadAdapter(phase)
  const moved = await role.parameter('base_model.model.model.layers.0.mlp.down_proj.lora_B.weight')
  expect((moved.data as Float32Array).some((value) => value !== 0)).toBe(true)
  moved.dispose()
  role.dispose()
  base.dispose()
}, 240_000)

describe.each([
  ['adapters', { mode: 'lora' }],
  ['full weights', { mode: 'full' }],
  ['full weights, adapters as critics', { mode: 'full', critics: 'lora' }],
] as const)('%s', (_, training) => {
  test('a run that was cut goes on to the same losses, bit for bit', async () => {
    const config = tiny(training)
    const whole = await run(config, join(folder, 'whole'))
    const cut = await run(
      config,
      join(folder, 'cut'),
      (event) => event.type === 'stage' && event.stage === 'actor' && event.phase === 2,
    )
    expect(cut.result.outcome).toBe('interrupted')
    const rest = await run(config, join(folder, 'cut'))
    expect(rest.result.outcome).toBe('completed')
    expect(losses(whole.events, 2).length).toBeGreaterThan(4)
    expect(losses(rest.events, 2)).toEqual(losses(whole.events, 2))
    expect(rest.result.phases[2]?.test?.progress).toBe(whole.result.phases[2]?.test?.progress)
  }, 240_000)
})

test('a run that would not fit is refused before anything is loaded, unless told otherwise', async () => {
  const config = tiny({ mode: 'full' }, { architecture: { hidden: 65536, intermediate: 262144 } })
  const error = await run(config, join(folder, 'run')).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(PlanError)
  expect((error as PlanError).message).toMatch(/^the run needs \d+ GB at its update and .* are available/)
  expect((error as PlanError).message).toContain('run.skipPlan=true')
  expect((error as PlanError).report.fits).toBe(false)
})

test('a preset of a published model without its weights says which setting is missing', async () => {
  const config = tiny({ mode: 'lora' }, { published: '12b' })
  await expect(run(config, join(folder, 'run'))).rejects.toThrow(
    /model\.path: expected the folder of a Gemma3 12b checkpoint/,
  )
})
