/** mira export: checkpoints, merged adapters and adapters alone as folders that other programs load. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { main } from '../../lib/cli/main.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { exportCheckpoint } from '../../lib/export/checkpoint.ts'
import { Gemma } from '../../lib/native/model.ts'
import { readSafetensorsHeader } from '../../lib/native/safetensors.ts'
import { RunDirectory } from '../../lib/run/directory.ts'
import { batchOf, fixture, floats, relativeError, tensors } from '../native/gemma-kit.ts'

const out = () => join(mkdtempSync(join(tmpdir(), 'mira-export-')), 'out')

async function logitsOf(dir: string, expected: string): Promise<number> {
  const file = await tensors(expected)
  using model = await Gemma.load(dir)
  using role = await model.role({ name: 'r', kind: 'full' })
  return relativeError((await role.logits(batchOf(file))).data, floats(file, 'logits'))
}
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** What the command printed and returned. */
async function mira(...args: string[]): Promise<{ code: number; said: string }> {
  let said = ''
  const write = (text: string) => {
    said += text
    return true
  }
  const sink = { write, isTTY: false, columns: 80 }
  const code = await main(args, { out: sink, err: sink } as never)
  return { code, said }
}

test('a text checkpoint, in shards, with its tokenizer files and the same logits', async () => {
  const from = join(mkdtempSync(join(tmpdir(), 'mira-export-')), 'model')
  cpSync(fixture('text'), from, { recursive: true })
  writeFileSync(join(from, 'tokenizer.model'), 'pieces')
  writeFileSync(join(from, 'tokenizer_config.json'), '{}')
  const to = out()
  const { code, said } = await mira('export', '--checkpoint', from, '--out', to, '--shard', '50KB')
  expect({ code, said }).toEqual({ code: 0, said: `${to}\n` })
  expect(readdirSync(to).filter((name) => !name.startsWith('model'))).toEqual([
    'config.json',
    'generation_config.json',
    'tokenizer.model',
    'tokenizer_config.json',
  ])
  expect(existsSync(join(to, 'model.safetensors.index.json'))).toBe(true)
  expect(await logitsOf(to, fixture('text/expected.safetensors'))).toBeLessThan(1e-5)
})

test('text only of a multimodal checkpoint: Gemma3ForCausalLM and model. names; or the whole of it', async () => {
  const to = out()
  await exportCheckpoint({ checkpoint: fixture('multimodal'), out: to })
  expect(read(join(to, 'config.json'))).toMatchObject({
    architectures: ['Gemma3ForCausalLM'],
    model_type: 'gemma3_text',
  })
  const names = (await readSafetensorsHeader(join(to, 'model.safetensors'))).entries.map(({ name }) => name)
  expect(names.every((name) => name.startsWith('model.'))).toBe(true)
  expect(names.some((name) => /vision|projector|lm_head/.test(name))).toBe(false)
  expect(await logitsOf(to, fixture('multimodal/expected.safetensors'))).toBeLessThan(1e-5)

  const whole = out()
  expect((await mira('export', '--checkpoint', fixture('multimodal'), '--vision', '--out', whole)).code).toBe(
    0,
  )
  expect(read(join(whole, 'config.json')).model_type).toBe('gemma3')
  const all = (await readSafetensorsHeader(join(whole, 'model.safetensors'))).entries
  expect(all.some(({ name }) => name.startsWith('vision_tower.'))).toBe(true)
})

test('another dtype: the weights and config.json agree', async () => {
  const to = out()
  expect(
    (await mira('export', '--checkpoint', fixture('text'), '--dtype', 'bfloat16', '--out', to)).code,
  ).toBe(0)
  const { entries } = await readSafetensorsHeader(join(to, 'model.safetensors'))
  expect(new Set(entries.map(({ dtype }) => dtype))).toEqual(new Set(['BF16']))
  expect(read(join(to, 'config.json')).torch_dtype).toBe('bfloat16')
})

describe.each([
  ['list', 'text'],
  ['rslora', 'text'],
  ['multimodal', 'multimodal'],
])('an adapter (%s)', (name, base) => {
  const adapter = fixture(`peft/${name}`)
  test('merged: the adapted logits without an adapter', async () => {
    const to = out()
    const { code, said } = await mira(
      ...['export', '--checkpoint', fixture(base), '--adapter', adapter, '--merge', '--out', to],
    )
    expect({ code, said }).toEqual({ code: 0, said: `${to}\n` })
    expect(await logitsOf(to, join(adapter, 'expected.safetensors'))).toBeLessThan(1e-5)
  })
  test('merged from files is merged from memory, byte for byte', async () => {
    const [files, memory] = [out(), out()]
    await exportCheckpoint({ checkpoint: fixture(base), adapter, out: files })
    using model = await Gemma.load(fixture(base))
    const { rank, alpha, targets } = await model.readAdapter(adapter)
    using role = await model.role({ name: 'a', kind: 'lora', lora: { rank, alpha, targets, seed: 0 } })
    await role.loadAdapter(adapter)
    await role.save(memory, { merge: true, vision: false })
    expect(readFileSync(join(files, 'model.safetensors'))).toEqual(
      readFileSync(join(memory, 'model.safetensors')),
    )
  })
  test('alone: a PEFT folder that names its base', async () => {
    const to = out()
    expect(
      (await mira('export', '--checkpoint', fixture(base), '--adapter', adapter, '--out', to)).code,
    ).toBe(0)
    expect(readdirSync(to)).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
    expect(read(join(to, 'adapter_config.json')).base_model_name_or_path).toBe(fixture(base))
  })
})

describe('the policy of a run', () => {
  /** A run whose phase 0 was written as the trainer writes it. */
  async function runWith(mode: 'full' | 'lora', write: (folder: string) => Promise<void>): Promise<string> {
    const directory = join(mkdtempSync(join(tmpdir(), 'mira-export-')), 'run')
    const set = [`training.mode=${mode}`, `model.path=${fixture('text')}`]
    const run = await RunDirectory.create(loadConfig({ preset: 'smoke', set }), { directory })
    await run.checkpoint(0, write)
    await run.checkpoint(1, write)
    await run.keepBest(0, 0.5)
    run.close()
    return directory
  }

  test('full: its checkpoint', async () => {
    using model = await Gemma.load(fixture('text'))
    const run = await runWith('full', (folder) => model.save(folder))
    const to = out()
    expect((await mira('export', '--run', run, '--out', to)).code).toBe(0)
    expect(await logitsOf(to, fixture('text/expected.safetensors'))).toBeLessThan(1e-5)
    const late = await mira('export', '--run', run, '--phase', '2', '--out', to)
    expect(late.said).toMatch(/phases 0 to 1, received 2/)
    expect((await mira('export', '--run', run, '--merge', '--out', to)).said).toMatch(
      /--merge: expected an adapter/,
    )
  })
  test('lora: its adapter, or base and adapter merged', async () => {
    using model = await Gemma.load(fixture('text'))
    const { rank, alpha, targets } = await model.readAdapter(fixture('peft/list'))
    using role = await model.role({ name: 'actor', kind: 'lora', lora: { rank, alpha, targets, seed: 0 } })
    await role.loadAdapter(fixture('peft/list'))
    const run = await runWith('lora', (folder) => role.saveAdapter(folder))
    const [alone, merged] = [out(), out()]
    expect((await mira('export', '--run', run, '--phase', '1', '--out', alone)).code).toBe(0)
    expect(readdirSync(alone)).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
    expect((await mira('export', '--run', run, '--merge', '--out', merged)).code).toBe(0)
    expect(await logitsOf(merged, fixture('peft/list/expected.safetensors'))).toBeLessThan(1e-5)
  })
})

const python = process.env.MIRA_TEST_PYTHON ?? 'python3'
const hasTransformers =
  spawnSync(python, ['-c', 'import torch, transformers, peft, safetensors']).status === 0

test.skipIf(!hasTransformers)(
  'transformers loads a merged export and computes what PEFT computes (needs Python with transformers)',
  async () => {
    const to = out()
    const adapter = fixture('peft/list')
    await exportCheckpoint({ checkpoint: fixture('text'), adapter, out: to, maxShardBytes: 50_000 })
    const script = (name: string) => fileURLToPath(new URL(`../../scripts/fixtures/${name}`, import.meta.url))
    const ids = join(to, '..', 'ids.json')
    writeFileSync(ids, JSON.stringify([2, 17, 5, 60, 33, 8, 9, 44]))
    const [merged, peft] = [join(to, '..', 'a.safetensors'), join(to, '..', 'b.safetensors')]
    execFileSync(python, [script('gemma_hf.py'), 'logits', to, ids, merged], { stdio: 'pipe' })
    execFileSync(python, [script('gemma_peft.py'), 'logits', ids, fixture('text'), adapter, peft], {
      stdio: 'pipe',
    })
    expect(
      relativeError(floats(await tensors(merged), 'logits'), floats(await tensors(peft), 'logits')),
    ).toBeLessThan(1e-5)
  },
  300_000,
)

describe('refused', () => {
  test.each<[string[], RegExp, number]>([
    [['--checkpoint', fixture('text')], /--out/, 2],
    [['--out', 'x'], /either --run or --checkpoint/, 2],
    [['--run', 'a', '--checkpoint', 'b', '--out', 'x'], /either --run or --checkpoint/, 2],
    [['--checkpoint', fixture('text'), '--merge', '--out', 'x'], /--merge: expected an adapter/, 2],
    [['--checkpoint', fixture('text'), '--out', fixture('text')], /another folder/, 2],
    [['--checkpoint', fixture('text'), '--shard', 'big', '--out', 'x'], /5GB/, 2],
    [['--checkpoint', fixture('text'), '--dtype', 'float16', '--out', 'x'], /float16/, 2],
    [
      [
        '--checkpoint',
        fixture('text'),
        '--adapter',
        fixture('peft/list'),
        '--dtype',
        'float32',
        '--out',
        'x',
      ],
      /--merge/,
      2,
    ],
    [
      ['--checkpoint', fixture('text'), '--vision', '--out', 'x'],
      /vision: expected a model loaded from a multimodal/,
      1,
    ],
    [['--checkpoint', '/nonexistent', '--out', 'x'], /config\.json: expected a readable file/, 1],
  ])('%j', async (args, says, code) => {
    const result = await mira('export', ...args)
    expect(result.said).toMatch(says)
    expect(result.code).toBe(code)
    expect(existsSync('x')).toBe(false)
  })

  test('an adapter file with a matrix that fits nothing', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'mira-export-'))
    cpSync(fixture('peft/list'), dir, { recursive: true })
    copyFileSync(fixture('text/model.safetensors'), join(dir, 'adapter_model.safetensors'))
    await expect(exportCheckpoint({ checkpoint: fixture('text'), adapter: dir, out: out() })).rejects.toThrow(
      /expected adapters of the text layers/,
    )
  })
})
