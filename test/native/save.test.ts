/** Saved checkpoints: shards and their index, adapters merged while writing, a disk that fills up. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addonPath } from '../../lib/native/loader.ts'
import { Gemma } from '../../lib/native/model.ts'
import { readSafetensorsHeader } from '../../lib/native/safetensors.ts'
import { batchOf, batchOfLengths, fixture, floats, relativeError, tensors, tiny } from './gemma-kit.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'mira-save-'))
const shardsIn = (dir: string) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.safetensors'))
    .sort()

test('whatever the size of a shard: every tensor once, where the index says, the same model', async () => {
  using model = await Gemma.random(tiny, { seed: 3, initStd: 0.2 })
  using role = await model.role({ name: 'r', kind: 'full' })
  const batch = batchOfLengths([7, 3])
  const logits = (await role.logits(batch)).data.slice()
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 60_000 }), async (maxShardBytes) => {
      const dir = join(scratch(), 'model')
      await role.save(dir, { maxShardBytes })
      const shards = shardsIn(dir)
      const index = join(dir, 'model.safetensors.index.json')
      if (shards.length === 1) expect(shards).toEqual(['model.safetensors'])
      else {
        const { weight_map, metadata } = JSON.parse(readFileSync(index, 'utf8'))
        expect(metadata.total_size).toBe(model.parameterCount * 4)
        const placed: Record<string, string> = {}
        for (const [i, shard] of shards.entries()) {
          expect(shard).toBe(
            `model-${String(i + 1).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.safetensors`,
          )
          const { entries, metadata } = await readSafetensorsHeader(join(dir, shard))
          expect({ ...metadata }).toEqual({ format: 'pt' })
          if (entries.length > 1) expect(entries.at(-1)?.end).toBeLessThanOrEqual(maxShardBytes)
          for (const { name } of entries) placed[name] = shard
        }
        expect(weight_map).toEqual(placed)
      }
      using again = await Gemma.load(dir)
      using view = await again.role({ name: 'r', kind: 'full' })
      expect((await view.logits(batch)).data).toEqual(logits)
    }),
    { numRuns: 10 },
  )
})

describe('adapters merged while writing', () => {
  test('compute what adapter and base compute', async () => {
    const expected = await tensors(fixture('text/expected_lora.safetensors'))
    const batch = batchOf(await tensors(fixture('text/expected.safetensors')))
    using model = await Gemma.load(fixture('text'))
    using role = await model.role({ name: 'actor', kind: 'lora', lora: { rank: 3, alpha: 6, seed: 0 } })
    await role.loadAdapter(fixture('text/adapter.safetensors'))
    const dir = join(scratch(), 'merged')
    await role.save(dir, { merge: true, maxShardBytes: 40_000 })
    using merged = await Gemma.load(dir)
    using view = await merged.role({ name: 'r', kind: 'full' })
    expect(relativeError((await view.logits(batch)).data, floats(expected, 'logits'))).toBeLessThan(1e-5)
    // Without merge the base alone is written.
    await role.save(dir)
    using base = await Gemma.load(dir)
    using plain = await base.role({ name: 'r', kind: 'full' })
    using original = await model.role({ name: 'o', kind: 'full' })
    expect((await plain.logits(batch)).data).toEqual((await original.logits(batch)).data)
  })

  test('are added in float32 and rounded once', async () => {
    using model = await Gemma.load(fixture('text'), { dtype: 'bfloat16' })
    using role = await model.role({ name: 'actor', kind: 'lora', lora: { rank: 3, alpha: 6, seed: 0 } })
    await role.loadAdapter(fixture('text/adapter.safetensors'))
    const dir = join(scratch(), 'merged')
    await role.save(dir, { merge: true })
    using merged = await Gemma.load(dir, { dtype: 'bfloat16' })
    using view = await merged.role({ name: 'r', kind: 'full' })
    const name = 'layers.1.mlp.down_proj.weight'
    const [w, got] = [await role.parameter(name), await view.parameter(name)]
    const module = 'base_model.model.model.layers.1.mlp.down_proj'
    const [a, b] = [
      await role.parameter(`${module}.lora_A.weight`),
      await role.parameter(`${module}.lora_B.weight`),
    ]
    const [out, inn] = w.shape as [number, number]
    let away = 0
    for (let i = 0; i < out; i++)
      for (let j = 0; j < inn; j++) {
        let sum = 0
        for (let r = 0; r < 3; r++) sum += (b.data[i * 3 + r] as number) * (a.data[r * inn + j] as number)
        const exact = (w.data[i * inn + j] as number) + 2 * sum
        const error = Math.abs((got.data[i * inn + j] as number) - exact)
        // Half a unit in the last place of bfloat16, and what float32 sums differ by.
        away = Math.max(away, error / Math.max(Math.abs(exact), 1e-3))
      }
    expect(away).toBeLessThan(2 ** -8 * 1.001 + 1e-5)
  })

  test('a role without any has nothing to merge', async () => {
    using model = await Gemma.random(tiny)
    using role = await model.role({ name: 'actor', kind: 'full' })
    await expect(role.save(join(scratch(), 'x'), { merge: true })).rejects.toThrow(/'actor' has no adapters/)
  })
})

test('a save that cannot be finished leaves the older folder as it was and nothing beside it', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const dir = scratch()
  using model = await Gemma.random(tiny, { seed: 1 })
  await model.save(join(dir, 'model'))
  const before = readFileSync(join(dir, 'model/model.safetensors'))
  // A limit on the size of a file stands in for a full disk: the write itself fails.
  const child = join(dir, 'child.mjs')
  writeFileSync(
    child,
    `import { Gemma } from '${root}/lib/native/model.ts'
     const model = await Gemma.load(process.argv[2])
     const error = await model.save(process.argv[2]).then(() => 'saved', (error) => error.code)
     process.stdout.write(error)`,
  )
  const run = spawnSync(
    'bash',
    ['-c', `ulimit -f 8 && exec "$0" --import tsx "$1" "$2"`, process.execPath, child, join(dir, 'model')],
    { cwd: root, env: { ...process.env, MIRA_ADDON: addonPath() } },
  )
  expect(run.stdout.toString(), run.stderr.toString()).toBe('EFBIG')
  expect(statSync(join(dir, 'model/model.safetensors')).size).toBeGreaterThan(8192)
  expect(readFileSync(join(dir, 'model/model.safetensors'))).toEqual(before)
  expect(readdirSync(dir).sort()).toEqual(['child.mjs', 'model'])
})
