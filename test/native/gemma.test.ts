/** Logits, log-probabilities and gradients against Hugging Face, from committed fixtures; saving and loading. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Gemma } from '../../lib/native/model.ts'
import { readSafetensors, writeSafetensors } from '../../lib/native/safetensors.ts'
import { Tensor } from '../../lib/native/tensor.ts'
import { batchOf, batchOfLengths, fixture, floats, ones, relativeError, tensors, tiny } from './gemma-kit.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'mira-gemma-'))

describe.each(['text', 'multimodal'])('%s checkpoint of transformers', (name) => {
  test('logits agree within 1e-5 and gradients of every parameter within 1e-4', async () => {
    const expected = await tensors(fixture(`${name}/expected.safetensors`))
    const model = await Gemma.load(fixture(name))
    const role = await model.role({ name: 'actor', kind: 'full' })
    const batch = batchOf(expected)
    const logits = await role.logits(batch)
    expect(logits.shape).toEqual([batch.ids.length, model.config.vocab])
    expect(relativeError(logits.data, floats(expected, 'logits'))).toBeLessThan(1e-5)

    const normaliser = floats(expected, 'normaliser')[0] as number
    const weights = floats(expected, 'weights')
    for (const checkpoint of ['none', 'selective', 'full'] as const) {
      const step = await role.policyStep(
        batch,
        { kind: 'nll', weights, normaliser },
        { checkpoint, chunk: checkpoint === 'none' ? 1024 : 7 },
      )
      expect(relativeError(step.logprobs.data, floats(expected, 'logprobs'))).toBeLessThan(1e-5)
      expect(step.loss).toBeCloseTo(floats(expected, 'loss')[0] as number, 5)
      const names = role.parameters().map((parameter) => parameter.name)
      expect(names.length).toBe([...expected.keys()].filter((key) => key.startsWith('grad.')).length)
      for (const parameter of names) {
        const gradient = await role.gradient(parameter)
        expect(relativeError(gradient.data, floats(expected, `grad.${parameter}`)), parameter).toBeLessThan(
          1e-4,
        )
      }
      await role.zeroGradients()
    }
  })
})

test.each(['none', 'selective', 'full'] as const)(
  'LoRA logits and gradients of every matrix agree with PEFT, activation checkpointing: %s',
  async (checkpoint) => {
    const base = await tensors(fixture('text/expected.safetensors'))
    const expected = await tensors(fixture('text/expected_lora.safetensors'))
    const model = await Gemma.load(fixture('text'))
    const role = await model.role({ name: 'actor', kind: 'lora', lora: { rank: 3, alpha: 6, seed: 0 } })
    const batch = batchOf(base)
    // B starts at zero: before loading, the role is the base.
    expect(relativeError((await role.logits(batch)).data, floats(base, 'logits'))).toBeLessThan(1e-5)
    await role.loadAdapter(fixture('text/adapter.safetensors'))
    expect(relativeError((await role.logits(batch)).data, floats(expected, 'logits'))).toBeLessThan(1e-5)
    const normaliser = floats(base, 'normaliser')[0] as number
    const step = await role.policyStep(
      batch,
      { kind: 'nll', weights: floats(base, 'weights'), normaliser },
      { checkpoint },
    )
    expect(step.loss).toBeCloseTo(floats(expected, 'loss')[0] as number, 5)
    const adapters = role.parameters().filter((parameter) => parameter.trainable)
    expect(adapters.length).toBe(model.config.layers * 7 * 2)
    for (const { name } of adapters) {
      expect(
        relativeError((await role.gradient(name)).data, floats(expected, `grad.${name}`)),
        name,
      ).toBeLessThan(1e-4)
    }
    await expect(role.gradient('norm.weight')).rejects.toThrow(/frozen/)
  },
)

test('the v4 spelling of the config loads the same model', async () => {
  const dir = scratch()
  copyFileSync(fixture('text/config_v4.json'), join(dir, 'config.json'))
  copyFileSync(fixture('text/model.safetensors'), join(dir, 'model.safetensors'))
  const [v4, v5] = [await Gemma.load(dir), await Gemma.load(fixture('text'))]
  expect(v4.config).toEqual(v5.config)
})

test('a saved checkpoint loads again with identical logits and replaces an older folder whole', async () => {
  const model = await Gemma.random(tiny, { seed: 5, initStd: 0.2 })
  const dir = join(scratch(), 'model')
  await (await Gemma.random(tiny, { seed: 6 })).save(dir)
  writeFileSync(join(dir, 'stale.txt'), 'old')
  await model.save(dir, { tokenizerFrom: fixture('text') })
  expect(readdirSync(dir).sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors'])
  const again = await Gemma.load(dir)
  const batch = batchOfLengths([9, 4])
  const [a, b] = await Promise.all(
    [model, again].map(async (gemma) => (await gemma.role({ name: 'r', kind: 'full' })).logits(batch)),
  )
  expect(b?.data).toEqual(a?.data)
  expect(again.config).toEqual(model.config)
})

test('bfloat16: close to float32, and saved and loaded without change', async () => {
  const expected = await tensors(fixture('text/expected.safetensors'))
  const model = await Gemma.load(fixture('text'), { dtype: 'bfloat16' })
  const role = await model.role({ name: 'r', kind: 'full' })
  const logits = await role.logits(batchOf(expected))
  expect(relativeError(logits.data, floats(expected, 'logits'))).toBeLessThan(0.05)
  const dir = join(scratch(), 'model')
  await role.save(dir)
  const again = await (await Gemma.load(dir, { dtype: 'bfloat16' })).role({ name: 'r', kind: 'full' })
  expect((await again.logits(batchOf(expected))).data).toEqual(logits.data)
})

const python = process.env.MIRA_TEST_PYTHON ?? 'python3'
const hasTransformers =
  spawnSync(python, ['-c', 'import torch, transformers, peft, safetensors']).status === 0

test.skipIf(!hasTransformers)(
  'Hugging Face computes identical logits from what mira saved (needs Python with transformers)',
  async () => {
    const dir = scratch()
    const saved = join(dir, 'model')
    await (await Gemma.load(fixture('text'))).save(saved)
    const script = fileURLToPath(new URL('../../scripts/fixtures/gemma_hf.py', import.meta.url))
    writeFileSync(join(dir, 'ids.json'), JSON.stringify([2, 17, 5, 60, 33, 8, 9, 44, 71, 12, 13, 90]))
    const logits: Float32Array[] = []
    for (const model of [fixture('text'), saved]) {
      const out = join(dir, `${logits.length}.safetensors`)
      execFileSync(python, [script, 'logits', model, join(dir, 'ids.json'), out], { stdio: 'pipe' })
      logits.push(floats(await tensors(out), 'logits'))
    }
    expect(logits[1]).toEqual(logits[0])
  },
  300_000,
)

describe('a broken checkpoint is refused with the file and the reason', () => {
  const copyOf = (name: string) => {
    const dir = scratch()
    cpSync(fixture(name), dir, { recursive: true })
    return dir
  }
  const editIndex = (dir: string, edit: (map: Record<string, string>) => void) => {
    const path = join(dir, 'model.safetensors.index.json')
    const index = JSON.parse(readFileSync(path, 'utf8'))
    edit(index.weight_map)
    writeFileSync(path, JSON.stringify(index))
  }

  test('no such folder', async () => {
    await expect(Gemma.load('/nonexistent/model')).rejects.toThrow(/config\.json: expected a readable file/)
  })
  test('truncated weights', async () => {
    const dir = copyOf('text')
    truncateSync(join(dir, 'model.safetensors'), 5000)
    await expect(Gemma.load(dir)).rejects.toThrow(/model\.safetensors/)
  })
  test('truncated config', async () => {
    const dir = copyOf('text')
    truncateSync(join(dir, 'config.json'), 100)
    await expect(Gemma.load(dir)).rejects.toThrow(/expected JSON/)
  })
  test('a shape that contradicts the config', async () => {
    const dir = copyOf('text')
    const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...config, intermediate_size: 40 }))
    await expect(Gemma.load(dir)).rejects.toThrow(
      /expected shape \[40, 32\].*gate_proj.*\[48, 32\]|expected shape \[32, 40\].*down_proj/,
    )
  })
  test('a layer the config does not have, and one the file does not', async () => {
    for (const [layers, message] of [
      [2, /not part of this model/],
      [4, /is missing/],
    ] as const) {
      const dir = copyOf('text')
      const config = JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))
      writeFileSync(
        join(dir, 'config.json'),
        JSON.stringify({ ...config, num_hidden_layers: layers, layer_types: undefined }),
      )
      await expect(Gemma.load(dir)).rejects.toThrow(message)
    }
  })
  test('an index that leaves the folder, misplaces a tensor or forgets one', async () => {
    const escaping = copyOf('multimodal')
    editIndex(escaping, (map) => {
      map['language_model.model.norm.weight'] = '../x.safetensors'
    })
    await expect(Gemma.load(escaping)).rejects.toThrow(/plain file name/)
    const misplaced = copyOf('multimodal')
    editIndex(misplaced, (map) => {
      const files = [...new Set(Object.values(map))]
      const now = map['language_model.model.norm.weight']
      map['language_model.model.norm.weight'] = files.find((file) => file !== now) as string
    })
    await expect(Gemma.load(misplaced)).rejects.toThrow(/norm\.weight/)
    const forgotten = copyOf('multimodal')
    editIndex(forgotten, (map) => {
      delete map['language_model.model.norm.weight']
    })
    await expect(Gemma.load(forgotten)).rejects.toThrow(/not in the index/)
  })
  test('a shard that is not there, and a tensor in two of them', async () => {
    const gone = copyOf('multimodal')
    rmSync(join(gone, 'model-00003-of-00004.safetensors'))
    await expect(Gemma.load(gone)).rejects.toThrow(
      /index\.json: the file model-00003-of-00004\.safetensors, which holds '.*', is missing/,
    )
    const twice = copyOf('multimodal')
    const shard = join(twice, 'model-00001-of-00004.safetensors')
    const other = 'language_model.model.norm.weight'
    const held = await readSafetensors(shard)
    held.set(other, Tensor.from('float32', new Float32Array(32)))
    await writeSafetensors(shard, held)
    await expect(Gemma.load(twice)).rejects.toThrow(
      /model-00001-of-00004\.safetensors: the tensor 'language_model\.model\.norm\.weight' stands in two files, here and, by the index, in model-0000\d/,
    )
  })
  test('nothing is left behind by a save that fails', async () => {
    const dir = scratch()
    const model = await Gemma.random(tiny)
    await expect(model.save(join(dir, 'model'), { signal: AbortSignal.abort() })).rejects.toThrow()
    expect(readdirSync(dir)).toEqual([])
    expect(existsSync(join(dir, 'model'))).toBe(false)
  })
})

test('a batch that breaks a rule is refused by field', async () => {
  const role = await (await Gemma.random(tiny)).role({ name: 'r', kind: 'full' })
  const good = batchOfLengths([5, 3])
  const bad = (change: Partial<typeof good>) => role.logprobs({ ...good, ...change })
  await expect(bad({ ids: good.ids.map((id, i) => (i === 2 ? tiny.vocab : id)) })).rejects.toThrow(
    /batch\.ids/,
  )
  await expect(bad({ offsets: Int32Array.of(0, 5, 7) })).rejects.toThrow(/batch\.offsets/)
  await expect(bad({ offsets: Int32Array.of(0, 5, 5, 8) })).rejects.toThrow(/batch\.offsets/)
  await expect(bad({ scored: Int32Array.of(5) })).rejects.toThrow(/first token of sequence 1/)
  await expect(bad({ scored: Int32Array.of(2, 2) })).rejects.toThrow(/strictly increasing/)
  await expect(role.logprobs(batchOfLengths([65]))).rejects.toThrow(/maxPositions/)
  const weights = ones(2)
  await expect(role.policyStep(good, { kind: 'nll', weights, normaliser: 1 })).rejects.toThrow(
    /objective\.weights/,
  )
  await expect(role.policyStep(good, { kind: 'nll', weights: ones(6), normaliser: 0 })).rejects.toThrow(
    /normaliser/,
  )
})
