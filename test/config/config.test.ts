/** Layers, overrides, strictness and the sentences of the configuration room. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ConfigError } from '../../lib/config/errors.ts'
import { configToYaml, defineConfig, loadConfig } from '../../lib/config/load.ts'
import { PRESET_NAMES } from '../../lib/config/presets.ts'
import { EMBEDDED_SITES } from '../../lib/config/sections/world.ts'
import { SITE_NAMES } from '../../lib/tasks/task.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-config-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** The sentences of a configuration that must not load. */
function problems(sources: Parameters<typeof loadConfig>[0]): readonly string[] {
  try {
    loadConfig(sources)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).problems
  }
  throw new Error('expected a ConfigError')
}

test('every preset resolves, and the default one is the method of the paper', () => {
  for (const preset of PRESET_NAMES) expect(() => loadConfig({ preset })).not.toThrow()
  const config = loadConfig()
  expect(config.shaping).toMatchObject({ alpha: 0.3, shapingGamma: 1 })
  expect(config.policy).toMatchObject({ gamma: 0.9, lambda: 0.5, beta: 0.3, objective: 'regression' })
  expect(config.replay.band).toEqual([0.5, 0.9])
  expect(config.model.architecture.layerTypes).toHaveLength(config.model.architecture.layers)
})

test('the sites are those of the tasks', () => {
  expect([...EMBEDDED_SITES]).toEqual([...SITE_NAMES])
})

test('a resolved configuration is plain data and reads back from its own YAML', () => {
  const config = loadConfig({ preset: 'smoke', set: ['run.seed=7'] })
  expect(parse(configToYaml(config))).toEqual(config)
  expect(loadConfig({ file: file('own.yaml', configToYaml(config)) })).toEqual(config)
  expect(structuredClone(config)).toEqual(config)
})

test('resolving twice shares nothing', () => {
  const first = loadConfig()
  first.suite.sites.length = 0
  first.policy.guard.limit = -9
  expect(loadConfig().suite.sites).toHaveLength(5)
  expect(loadConfig().policy.guard.limit).toBe(-1.5)
})

describe('layers', () => {
  test('file over preset, --set over file, the last --set wins', () => {
    const path = file('a.yaml', 'policy:\n  beta: 0.5\n  lambda: 0.7\n')
    const config = loadConfig({ file: path, set: ['policy.lambda=0.1', 'policy.lambda=0.2'] })
    expect(config.policy).toMatchObject({ beta: 0.5, lambda: 0.2, gamma: 0.9 })
  })
  test('extends a preset or a file beside it', () => {
    file('base.yaml', 'extends: smoke\nshaping: { alpha: 0.1 }\n')
    const config = loadConfig({ file: file('top.yaml', 'extends: base.yaml\nrun: { seed: 4 }\n') })
    expect(config.shaping.alpha).toBe(0.1)
    expect(config.run.seed).toBe(4)
    expect(config.phases.count).toBe(1)
  })
  test('a circle of extends is refused', () => {
    file('one.yaml', 'extends: two.yaml\n')
    file('two.yaml', 'extends: one.yaml\n')
    expect(problems({ file: join(folder, 'one.yaml') })[0]).toMatch(/extends itself/)
  })
  test('snake_case and camelCase are the same key', () => {
    const path = file('snake.yaml', 'shaping:\n  shaping_gamma: 0.9\n')
    expect(loadConfig({ file: path }).shaping.shapingGamma).toBe(0.9)
    expect(loadConfig({ set: ['shaping.shaping_gamma=0.8'] }).shaping.shapingGamma).toBe(0.8)
    expect(
      problems({ file: file('both.yaml', 'shaping:\n  shapingGamma: 1\n  shaping_gamma: 1\n') })[0],
    ).toMatch(/one spelling/)
  })
  test('--set values are YAML: lists, mappings, null, booleans', () => {
    const config = loadConfig({
      set: [
        'replay.band=[0.2, 0.8]',
        'policy.guard={limit: -2}',
        'model.path=null',
        'policy.positiveOnly=true',
        'suite.sites=[shop, map]',
      ],
    })
    expect(config.replay.band).toEqual([0.2, 0.8])
    expect(config.policy.guard).toEqual({ limit: -2, window: 128, minimum: 32 })
    expect(config.policy.positiveOnly).toBe(true)
    expect(config.suite.sites).toEqual(['shop', 'map'])
  })
  test('an empty file changes nothing', () => {
    expect(loadConfig({ file: file('empty.yaml', '# nothing\n') })).toEqual(loadConfig())
  })
  test('keys of Object.prototype are just unknown keys', () => {
    expect(problems({ set: ['constructor.x=1'] })[0]).toMatch(/unknown key constructor/)
    expect(problems({ set: ['__proto__.x=1'] })[0]).toMatch(/unknown key/)
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })
})

describe('sentences', () => {
  test('an unknown key names the nearest one and its line', () => {
    const path = file('typo.yaml', 'shaping:\n  alpha: 0.2\npolicy:\n  # the tie\n  betta: 0.5\n')
    expect(problems({ file: path })).toEqual([
      `unknown key policy.betta (${path} line 5): did you mean policy.beta?`,
    ])
    expect(problems({ set: ['polcy.beta=1'] })[0]).toBe(
      'unknown key polcy (--set polcy.beta=1): did you mean policy?',
    )
  })
  test('a key in the wrong section is found where it lives', () => {
    expect(problems({ set: ['phases.lambda=1'] })[0]).toMatch(/did you mean policy\.lambda\?/)
    expect(problems({ set: ['alpha=1'] })[0]).toMatch(/did you mean shaping\.alpha\?/)
  })
  test('a key like no other lists what there is', () => {
    expect(problems({ set: ['phases.xylophone=1'] })[0]).toMatch(
      /the keys of phases are count, rollouts, temperature/,
    )
  })
  test('a wrong type says field, expected, received and place', () => {
    const path = file('type.yaml', 'run:\n  seed: one\n')
    expect(problems({ file: path })).toEqual([
      `run.seed: expected a number, received the string "one" (${path} line 2)`,
    ])
    expect(problems({ set: ['run.seed=1.5'] })[0]).toBe(
      'run.seed: expected a whole number, received the number 1.5 (--set run.seed=1.5)',
    )
    expect(problems({ set: ['policy=3'] })[0]).toBe(
      'policy: expected a mapping, received the number 3 (--set policy=3)',
    )
    expect(problems({ set: ['policy.objective=ppo'] })[0]).toMatch(
      /one of regression, kl, awr, cloning, received the string "ppo"/,
    )
    expect(problems({ set: ['suite.sites=[]'] })[0]).toMatch(/suite\.sites: expected at least 1 entries/)
    expect(problems({ set: ['run.threads=many'] })[0]).toMatch(
      /run\.threads: expected .*auto or .*number, received the string "many"/,
    )
    expect(problems({ set: ['policy.gamma=1.2'] })[0]).toMatch(
      /policy\.gamma: expected a number of at most 1, received the number 1\.2/,
    )
    expect(problems({ set: ['run.name=../x'] })[0]).toMatch(/run\.name: expected letters/)
  })
  test('rules between keys', () => {
    expect(problems({ set: ['model.architecture.kvHeads=3'] })[0]).toMatch(
      /kvHeads: expected a divisor of heads \(4\), received the number 3/,
    )
    expect(problems({ set: ['model.architecture.layers=6'] })[0]).toMatch(
      /layerTypes: expected one entry per layer \(6\)/,
    )
    expect(problems({ set: ['replay.band=[0.9, 0.5]'] })[0]).toMatch(
      /replay\.band: expected the lower end first/,
    )
    expect(problems({ set: ['curriculum.repeat=0.9'] })[0]).toMatch(/repeat \+ resample of at most 1/)
    expect(problems({ set: ['policy.guard.minimum=500'] })[0]).toMatch(/at most window \(128\)/)
  })
  test('every problem is told at once', () => {
    expect(problems({ set: ['policy.betta=1', 'run.seed=x'] })).toHaveLength(2)
  })
  test('files that are missing, broken or no mapping', () => {
    expect(problems({ file: join(folder, 'none.yaml') })[0]).toMatch(
      /none\.yaml, it cannot be read \(ENOENT\)/,
    )
    expect(problems({ file: file('broken.yaml', 'a: 1\nb: [1\n') })[0]).toMatch(
      /broken\.yaml line \d+: expected YAML/,
    )
    expect(problems({ file: file('list.yaml', '- 1\n') })[0]).toMatch(
      /expected a mapping of sections, received the list/,
    )
    expect(problems({ file: file('ext.yaml', '\nextends: 3\n') })[0]).toMatch(
      /extends: expected a preset or a file name.*line 2/,
    )
  })
  test('a key that was renamed says its new name', () => {
    expect(problems({ set: ['model.checkpoint=gemma'] })).toEqual([
      'model.checkpoint was renamed to model.path (--set model.checkpoint=gemma); write model.path',
    ])
  })
  test('a device is auto, cpu or a CUDA device', () => {
    for (const device of ['auto', 'cpu', 'cuda', 'cuda:1']) {
      expect(loadConfig({ set: [`model.device=${device}`] }).model.device).toBe(device)
    }
    expect(problems({ set: ['model.device=gpu'] })[0]).toMatch(
      /model\.device: expected auto, cpu, cuda or cuda:N, received the string "gpu"/,
    )
  })
  test('overrides and presets that make no sense', () => {
    expect(problems({ set: ['policy.beta'] })[0]).toMatch(/--set: expected key\.path=value/)
    expect(problems({ set: ['policy.beta=[1'] })[0]).toMatch(/--set policy\.beta: expected a YAML value/)
    expect(problems({ preset: 'huge' })[0]).toEqual(
      expect.stringMatching(/^expected a preset \(embedded, smoke, gemma3-270m, .*\), received "huge"$/),
    )
  })
})

describe('published models', () => {
  test('are adapters of rank 64 for three roles in bfloat16, with the rates of Table 6 scaled for adapters', () => {
    const config = loadConfig({ preset: 'gemma3-12b' })
    expect(config.model).toMatchObject({ path: null, published: '12b', dtype: 'bfloat16', device: 'auto' })
    expect(config.training).toMatchObject({ mode: 'lora', critics: 'lora', optimizerState: 'stochastic' })
    expect(config.training.lora).toMatchObject({ rank: 64, learningRateScale: 10 })
    expect(config.policy).toMatchObject({ learningRate: 1e-6, batchSize: 128, schedule: 'constant' })
    expect(config.critics).toMatchObject({ learningRate: 1e-6, potentialLearningRate: 2e-5 })
    expect(config.imitation).toMatchObject({ learningRate: 1e-5, schedule: 'cosine', warmup: 0.1 })
    expect(config.phases).toMatchObject({ count: 6, temperature: 1 })
  })
  test('the embedded run stays on the CPU', () => {
    for (const preset of ['embedded', 'smoke'])
      expect(loadConfig({ preset }).model).toMatchObject({ device: 'cpu', published: null })
  })
})

test('what an older mira wrote into a run is read under the new names', () => {
  const path = file('stored.yaml', 'model:\n  checkpoint: /models/gemma\n')
  expect(loadConfig({ file: path, stored: true }).model.path).toBe('/models/gemma')
  expect(problems({ file: path })[0]).toMatch(/model\.checkpoint was renamed to model\.path/)
})

test('configuration from code takes the same defaults and the same checks', () => {
  expect(defineConfig({ policy: { beta: 1 } }).policy).toMatchObject({ beta: 1, gamma: 0.9 })
  expect(() => defineConfig({ policy: { betta: 1 } } as never)).toThrow(
    /unknown key policy\.betta: did you mean policy\.beta\?/,
  )
})
