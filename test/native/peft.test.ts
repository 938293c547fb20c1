/** Adapters in PEFT's layout: logits of what PEFT wrote, what PEFT reads of ours, and what is refused. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Gemma } from '../../lib/native/model.ts'
import { readSafetensorsHeader } from '../../lib/native/safetensors.ts'
import type { LoraTarget, PackedBatch } from '../../lib/native/types.ts'
import { batchOf, fixture, floats, relativeError, tensors } from './gemma-kit.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'mira-peft-'))
const adapter = (name: string) => fixture(`peft/${name}`)
const ALL: LoraTarget[] = ['q', 'k', 'v', 'o', 'gate', 'up', 'down']

const cases: [name: string, base: string, rank: number, scale: number, targets: LoraTarget[]][] = [
  ['list', 'text', 3, 2, ALL],
  ['rslora', 'text', 4, 2.5, ['q', 'o', 'down']],
  ['all-linear', 'text', 2, 1.5, ALL],
  ['multimodal', 'multimodal', 2, 2, ['q', 'v', 'up']],
]

async function adapted(model: Gemma, dir: string, name = 'actor') {
  const { rank, alpha, targets } = await model.readAdapter(dir)
  const role = await model.role({ name, kind: 'lora', lora: { rank, alpha, targets, seed: 1 } })
  await role.loadAdapter(dir)
  return role
}

describe.each(cases)('an adapter of PEFT (%s)', (name, base, rank, scale, targets) => {
  test('is read with its rank, scale and linears, and computes what PEFT computes', async () => {
    using model = await Gemma.load(fixture(base))
    const found = await model.readAdapter(adapter(name))
    expect(found).toMatchObject({ rank, targets })
    expect(found.alpha / found.rank).toBeCloseTo(scale, 12)
    const expected = await tensors(join(adapter(name), 'expected.safetensors'))
    const batch: PackedBatch = batchOf(expected)
    using role = await adapted(model, adapter(name))
    expect(relativeError((await role.logits(batch)).data, floats(expected, 'logits'))).toBeLessThan(1e-5)
  })

  test('comes out as it went in: names, shapes and values', async () => {
    using model = await Gemma.load(fixture(base))
    using role = await adapted(model, adapter(name))
    const dir = join(scratch(), 'adapter')
    await role.saveAdapter(dir)
    expect(readdirSync(dir).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
    const [a, b] = [adapter(name), dir].map((folder) => join(folder, 'adapter_model.safetensors')) as [
      string,
      string,
    ]
    const shapesOf = async (file: string) =>
      (await readSafetensorsHeader(file)).entries.map(({ name, shape }) => `${name} ${shape}`).sort()
    expect(await shapesOf(b)).toEqual(await shapesOf(a))
    const [before, after] = [await tensors(a), await tensors(b)]
    for (const [key, values] of before) expect(after.get(key), key).toEqual(values)
    expect(await model.readAdapter(dir)).toMatchObject({ rank, targets })
  })
})

const python = process.env.MIRA_TEST_PYTHON ?? 'python3'
const hasPeft = spawnSync(python, ['-c', 'import torch, transformers, peft, safetensors']).status === 0

test.skipIf(!hasPeft)(
  'PEFT loads what mira saved and computes the same (needs Python with peft)',
  async () => {
    const dir = scratch()
    const ids = Int32Array.of(2, 17, 5, 60, 33, 8, 9, 44, 71, 12, 13, 90)
    writeFileSync(join(dir, 'ids.json'), JSON.stringify([...ids]))
    const args: string[] = []
    const ours: Float32Array[] = []
    for (const [name, base] of cases) {
      using model = await Gemma.load(fixture(base))
      using role = await adapted(model, adapter(name))
      const saved = join(dir, name)
      await role.saveAdapter(saved)
      args.push(fixture(base), saved, join(dir, `${name}.safetensors`))
      const batch = { ids, offsets: Int32Array.of(0, ids.length), scored: Int32Array.of(1) }
      ours.push((await role.logits(batch)).data.slice())
    }
    const script = fileURLToPath(new URL('../../scripts/fixtures/gemma_peft.py', import.meta.url))
    execFileSync(python, [script, 'logits', join(dir, 'ids.json'), ...args], { stdio: 'pipe' })
    for (const [i, [name]] of cases.entries()) {
      const theirs = floats(await tensors(join(dir, `${name}.safetensors`)), 'logits')
      expect(relativeError(ours[i] as Float32Array, theirs), name).toBeLessThan(1e-5)
    }
  },
  600_000,
)

test('heads travel beside the adapter and are asked for', async () => {
  using model = await Gemma.load(fixture('text'))
  const spec = (seed: number) => ({
    name: 'value',
    kind: 'lora' as const,
    lora: { rank: 2, alpha: 4, seed },
    heads: [{ name: 'value', width: 5, seed }],
  })
  using critic = await model.role(spec(1))
  const dir = join(scratch(), 'value')
  await critic.saveAdapter(dir)
  expect(readdirSync(dir).sort()).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'heads.safetensors',
  ])
  using again = await model.role(spec(2))
  await again.loadAdapter(dir)
  for (const { name, trainable } of critic.parameters()) {
    if (trainable)
      expect((await again.parameter(name)).data, name).toEqual((await critic.parameter(name)).data)
  }
  rmSync(join(dir, 'heads.safetensors'))
  await expect(again.loadAdapter(dir)).rejects.toThrow(/heads\.safetensors.*'value'/)
})

describe('refused by field or tensor', () => {
  const changed = (change: Record<string, unknown>) => {
    const dir = scratch()
    cpSync(adapter('list'), dir, { recursive: true })
    const path = join(dir, 'adapter_config.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
    return dir
  }
  test.each<[Record<string, unknown>, RegExp]>([
    [{ peft_type: 'IA3' }, /peft_type: expected 'LORA'/],
    [{ rank_pattern: { q_proj: 8 } }, /rank_pattern.*one rank/],
    [{ alpha_pattern: { q_proj: 8 } }, /alpha_pattern/],
    [{ use_dora: true }, /use_dora/],
    [{ modules_to_save: ['lm_head'] }, /modules_to_save/],
    [{ bias: 'all' }, /bias/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out/],
    [{ init_lora_weights: 'pissa_niter_16' }, /init_lora_weights.*base weights/],
    [{ r: 0 }, /adapter_config\.json: r:/],
    [{ lora_alpha: undefined }, /lora_alpha/],
  ])('%j', async (change, says) => {
    using model = await Gemma.load(fixture('text'))
    await expect(model.readAdapter(changed(change))).rejects.toThrow(says)
  })

  test('an adapter of the vision part, of other layers, without its weights, of another shape', async () => {
    using text = await Gemma.load(fixture('text'))
    using multimodal = await Gemma.load(fixture('multimodal'))
    await expect(multimodal.readAdapter(adapter('vision'))).rejects.toThrow(/vision_tower.*vision part/)
    using shallow = await Gemma.random({ ...text.config, layers: 2, layerIsGlobal: [false, true] })
    await expect(shallow.readAdapter(adapter('list'))).rejects.toThrow(/layers\.2.*not part of an adapter/)
    using deep = await Gemma.random({ ...text.config, layers: 4, layerIsGlobal: [false, false, true, true] })
    await expect(deep.readAdapter(adapter('list'))).rejects.toThrow(/layers\.3.*is missing.*all 4 layers/)
    const bare = changed({})
    renameSync(join(bare, 'adapter_model.safetensors'), join(bare, 'adapter_model.bin'))
    await expect(text.readAdapter(bare)).rejects.toThrow(
      /adapter_model\.safetensors.*adapter_model\.bin is not read/,
    )
    await expect(text.readAdapter(scratch())).rejects.toThrow(/PEFT adapter folder/)
    const role = (rank: number, alpha: number, targets: LoraTarget[]) =>
      text.role({ name: 'actor', kind: 'lora', lora: { rank, alpha, seed: 0, targets } })
    await expect((await role(2, 6, ALL)).loadAdapter(adapter('list'))).rejects.toThrow(/rank 2.*got rank 3/)
    await expect((await role(3, 6, ['q'])).loadAdapter(adapter('list'))).rejects.toThrow(/on q for role/)
    await expect((await role(3, 5, ALL)).loadAdapter(adapter('list'))).rejects.toThrow(/alpha\/rank 2/)
    await expect((await text.role({ name: 'actor', kind: 'full' })).saveAdapter(scratch())).rejects.toThrow(
      /neither/,
    )
  })
})
