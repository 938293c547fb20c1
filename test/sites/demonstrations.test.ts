/** Demonstrations: experts succeed, slips fail at the configured rates, words and pages stay small. */
import { describe, expect, test } from 'vitest'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { type Demonstration, demonstrate, slipRates } from '../../lib/sites/demonstrations.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { buildSuite } from '../../lib/sites/suite.ts'
import type { Addressing } from '../../lib/web/observation.ts'
import { formatAction, parseAction } from '../../lib/web/grammar.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const driver = inProcessDriver(embeddedBackend(embeddedWeb))
const all = [...embeddedWeb.templates.values()]
const trained = all.filter((template) => !template.novel)

async function collect(
  count: number,
  rates: ReadonlyMap<string, number>,
  addressing: Addressing = 'name',
  seed = 1,
) {
  const tasks = buildSuite({ templates: all, split: 'train', count, seed })
  const out: Demonstration[] = []
  for await (const one of demonstrate({ driver, tasks, addressing, rates, seed })) out.push(one)
  return out
}

describe('slip rates', () => {
  test('one half of the templates slips mostly, the other sometimes', () => {
    const rates = [...slipRates(trained, { share: 0.5, majority: 0.65, minority: 0.3 }).values()]
    const majority = rates.filter((rate) => rate === 0.65).length
    expect(rates).toHaveLength(trained.length)
    expect(Math.abs(2 * majority - trained.length)).toBeLessThanOrEqual(1)
    expect(slipRates([...trained].reverse())).toEqual(slipRates(trained))
  })
})

describe('demonstrations', () => {
  test('succeed exactly when they do not slip', async () => {
    const shown = await collect(2 * trained.length, slipRates(trained))
    expect(new Set(shown.map((one) => one.kind)).size).toBeGreaterThan(2)
    for (const one of shown)
      expect(one.success, `${one.task.task.task_id} ${one.kind}`).toBe(one.kind === 'expert')
  })

  test('rates of 0 and 1 are kept, and answer templates slip too', async () => {
    const constant = (rate: number) => new Map(trained.map((template) => [template.id, rate]))
    expect((await collect(trained.length, constant(0))).every((one) => one.success)).toBe(true)
    const slips = await collect(trained.length, constant(1))
    expect(slips.every((one) => !one.success && one.kind !== 'expert')).toBe(true)
    expect(slips.some((one) => one.task.task.eval.eval_types.includes('string_match'))).toBe(true)
  })

  test('are reproducible and written in the grammar, and ids are on the page', async () => {
    const plain = (shown: Demonstration[]) =>
      shown.map((one) => one.steps.map((step) => [step.observation.text, formatAction(step.action)]))
    const byId = await collect(trained.length, new Map(), 'id')
    expect(plain(byId)).toEqual(plain(await collect(trained.length, new Map(), 'id')))
    for (const one of byId) {
      for (const { observation, action } of one.steps) {
        expect(parseAction(formatAction(action))).toEqual(action)
        if ('element' in action) expect(observation.text).toContain(` id="${action.element}"`)
      }
    }
  })
})

describe('what a small policy has to read', () => {
  test('pages are short, elements have unique names where they are used, and the vocabulary is small', async () => {
    const shown = await collect(4 * trained.length, slipRates(trained))
    const words = new Set<string>()
    const sizes: number[] = []
    for (const one of shown) {
      for (const text of [one.task.task.intent, ...one.steps.map((step) => step.observation.text)]) {
        for (const word of text
          .replace(/<[^>]*>/g, ' ')
          .toLowerCase()
          .match(/[a-z]+/g) ?? [])
          words.add(word)
      }
      for (const { observation, action } of one.steps) {
        // Tag fragments and words: about what the embedded tokenizer makes of a page.
        sizes.push(observation.text.match(/(?:<[^>]*>)+|[^\s<>]+/g)?.length ?? 0)
        expect(observation.elements.length, observation.text).toBeLessThanOrEqual(20)
        if ('element' in action) {
          const named = observation.elements.filter((element) => element.name === action.element)
          expect(named.length, `${action.element} in ${observation.text}`).toBe(1)
        }
      }
    }
    expect(words.size).toBeLessThan(700)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(90)
    expect(sizes.reduce((sum, n) => sum + n, 0) / sizes.length).toBeLessThanOrEqual(60)
  })
})
