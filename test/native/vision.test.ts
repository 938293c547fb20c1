/** A multimodal checkpoint keeps its vision part through a save, byte for byte, and its form. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Gemma } from '../../lib/native/model.ts'
import { readSafetensorsHeader } from '../../lib/native/safetensors.ts'
import { batchOf, fixture, tensors } from './gemma-kit.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'mira-vision-'))

/** The multimodal fixture with processor and tokenizer files beside it. */
function source(): string {
  const dir = join(scratch(), 'source')
  cpSync(fixture('multimodal'), dir, { recursive: true })
  writeFileSync(join(dir, 'preprocessor_config.json'), '{"image_size": 28}\n')
  writeFileSync(join(dir, 'tokenizer_config.json'), '{"a": 1}\n')
  return dir
}

/** Raw bytes of every tensor of a checkpoint folder, with dtype and shape. */
async function bytesOf(dir: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const file of readdirSync(dir).filter((name) => /^model.*\.safetensors$/.test(name))) {
    const content = readFileSync(join(dir, file))
    const start = 8 + Number(content.readBigUInt64LE())
    for (const { name, dtype, shape, begin, end } of (await readSafetensorsHeader(join(dir, file))).entries)
      found.set(name, `${dtype} ${shape} ${content.subarray(start + begin, start + end).toString('base64')}`)
  }
  return found
}
const isVision = (name: string) => /vision_tower|multi_modal_projector/.test(name)

test('saved whole: text and vision tensors, configuration, processor and tokenizer files', async () => {
  const from = source()
  using model = await Gemma.load(from)
  const out = join(scratch(), 'saved')
  await model.save(out, { maxShardBytes: 50_000 })
  const [before, after] = [await bytesOf(from), await bytesOf(out)]
  expect([...before.keys()].filter(isVision).length).toBeGreaterThan(10)
  expect(new Map([...after].sort())).toEqual(new Map([...before].sort()))
  const config = (dir: string) => JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8'))
  expect(config(out)).toEqual(config(from))
  for (const file of ['preprocessor_config.json', 'tokenizer_config.json', 'generation_config.json'])
    expect(readFileSync(join(out, file))).toEqual(readFileSync(join(from, file)))
  expect(JSON.parse(readFileSync(join(out, 'model.safetensors.index.json'), 'utf8')).weight_map).toBeDefined()
  using again = await Gemma.load(out)
  expect(again.source?.multimodal).toBe(true)
})

test('bfloat16 text beside float32 vision, and the dtype of the configuration', async () => {
  const from = source()
  using model = await Gemma.load(from, { dtype: 'bfloat16' })
  const out = join(scratch(), 'saved')
  await model.save(out)
  for (const [name, bytes] of await bytesOf(out))
    expect(bytes.startsWith(isVision(name) ? 'F32 ' : 'BF16 '), name).toBe(true)
  // Where the source says it, and nowhere else.
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  expect(config.dtype).toBe('bfloat16')
  expect(config.text_config.dtype).toBe(undefined)
})

test('text only on request: no vision tensor, no prefix, the same logits', async () => {
  using model = await Gemma.load(source())
  const out = join(scratch(), 'saved')
  await model.save(out, { vision: false })
  const names = [...(await bytesOf(out)).keys()]
  expect(names.some(isVision)).toBe(false)
  expect(names).toContain('model.embed_tokens.weight')
  using again = await Gemma.load(out)
  expect(again.source?.multimodal).toBe(false)
  const batch = batchOf(await tensors(fixture('multimodal/expected.safetensors')))
  const [a, b] = await Promise.all(
    [model, again].map(async (gemma) => (await gemma.role({ name: 'r', kind: 'full' })).logits(batch)),
  )
  expect(b?.data).toEqual(a?.data)
  await expect(again.save(join(scratch(), 'x'), { vision: true })).rejects.toThrow(/multimodal checkpoint/)
})

test('a source that was changed or is gone is named, and nothing is left behind', async () => {
  const dir = scratch()
  const changes: [RegExp, (file: string) => void][] = [
    [/changed one/, (file) => appendFileSync(file, 'x')],
    [/changed one/, (file) => utimesSync(file, 1, 1)],
    [/found none/, (file) => rmSync(file)],
  ]
  for (const [says, change] of changes) {
    const from = source()
    using model = await Gemma.load(from)
    change(join(from, 'model-00002-of-00004.safetensors'))
    await expect(model.save(join(dir, 'saved'))).rejects.toThrow(says)
    await expect(model.save(join(dir, 'saved'))).rejects.toThrow(/model-00002-of-00004\.safetensors/)
    expect(readdirSync(dir)).toEqual([])
    await model.save(join(dir, 'text'), { vision: false, tokenizerFrom: fixture('text') })
    rmSync(join(dir, 'text'), { recursive: true })
  }
})

const python = process.env.MIRA_TEST_PYTHON ?? 'python3'
const hasTransformers =
  spawnSync(python, ['-c', 'import torch, transformers, peft, safetensors']).status === 0

test.skipIf(!hasTransformers)(
  'AutoModelForImageTextToText computes the same from what mira saved (needs Python with transformers)',
  async () => {
    const from = source()
    using model = await Gemma.load(from)
    const out = join(scratch(), 'saved')
    await model.save(out, { maxShardBytes: 50_000 })
    const script = fileURLToPath(new URL('../../scripts/fixtures/gemma_peft.py', import.meta.url))
    const said = execFileSync(python, [script, 'multimodal', from, out], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString()
    const found = JSON.parse(said.trim().split('\n').at(-1) as string)
    expect(found).toMatchObject({ weights: 0, logits: 0 })
    expect(found.scale).toBeGreaterThan(0.1)
  },
  300_000,
)
