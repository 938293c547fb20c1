/** The five published sizes from their config.json: every number, tensor name and shape as transformers has them. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseGemmaConfig } from '../../lib/native/gemma-config.ts'
import { countParameters, expectedTensors } from '../../lib/native/gemma-tensors.ts'
import { loadNative } from '../../lib/native/loader.ts'
import { Gemma } from '../../lib/native/model.ts'
import type { GemmaConfig } from '../../lib/native/types.ts'
import { fixture, tiny } from './gemma-kit.ts'

interface Shapes {
  tensors: number
  parameters: number
  config: GemmaConfig
  sha256: string
  lines?: string[]
}
const shapes: Record<string, Shapes> = JSON.parse(readFileSync(fixture('shapes.json'), 'utf8'))
const published: Record<string, Record<string, unknown>> = JSON.parse(
  readFileSync(
    fileURLToPath(new URL('../../scripts/fixtures/gemma_published.json', import.meta.url)),
    'utf8',
  ),
)

describe.each(Object.keys(shapes))('Gemma3 %s', (size) => {
  const expected = shapes[size] as Shapes
  const { config, multimodal } = parseGemmaConfig(published[size], size)
  const tensors = expectedTensors(config)

  test('the configuration has the numbers that transformers arrives at', () => {
    expect(config).toEqual(expected.config)
    expect(multimodal).toBe(['4b', '12b', '27b'].includes(size))
  })
  test('names, shapes and the number of parameters', () => {
    const lines = tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).sort()
    expect(lines.length).toBe(expected.tensors)
    if (expected.lines) expect(lines).toEqual(expected.lines)
    expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(expected.sha256)
    expect(countParameters(config)).toBe(expected.parameters)
  })
  test('the addon lays out the same tensors on the meta device', () => {
    expect(loadNative().weightShapes(config)).toEqual(tensors)
  })
})

test('12B has 626 text tensors and 11,766,034,176 parameters', () => {
  expect(shapes['12b']).toMatchObject({ tensors: 626, parameters: 11_766_034_176 })
})

test('the count of a model that exists is the same', async () => {
  using model = await Gemma.random(tiny)
  expect(model.parameterCount).toBe(countParameters(tiny))
})
