/** Suites: deterministic, balanced, disjoint splits; clear errors for tasks that name no known site. */
import { describe, expect, test } from 'vitest'
import { embeddedBackend, sitesOfTask } from '../../lib/sites/backend.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { assemble } from '../../lib/sites/registry.ts'
import { createRng, hashUnit } from '../../lib/sites/rng.ts'
import { site, templates } from '../../lib/sites/shop/index.ts'
import { buildSuite, embeddedTaskOf, oracleReached, splitOf } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { SITE_NAMES, SPLITS, type Split } from '../../lib/tasks/task.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const all = [...embeddedWeb.templates.values()]
const suite = (split: Split, count: number, seed = 1) => buildSuite({ templates: all, split, count, seed })

describe('random numbers', () => {
  test('same key, same stream; another key, another stream; forks do not depend on draws', () => {
    const draws = (key: string) => Array.from({ length: 8 }, createRng(key).next)
    expect(draws('a')).toEqual(draws('a'))
    expect(draws('a')).not.toEqual(draws('b'))
    const used = createRng('a')
    used.next()
    expect(used.fork('x').next()).toBe(createRng('a').fork('x').next())
  })

  test('integers are near uniform, shuffles keep every item, bad bounds are refused', () => {
    const rng = createRng('uniform')
    // Chi-square with 9 degrees of freedom: 27.9 is its 99.9th percentile; the seed is fixed.
    const single = Array.from({ length: 10000 }, () => rng.int(10))
    const observed = Array.from({ length: 10 }, (_, k) => single.filter((n) => n === k).length)
    expect(observed.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(27.9)
    expect(rng.shuffle([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4])
    expect(() => rng.int(0)).toThrow(/at least 1/)
    expect(() => rng.pick([])).toThrow(/at least one item/)
  })
})

describe('worlds', () => {
  test('state is made once, on first use, and not shared between worlds', () => {
    let made = 0
    const make = () => ({ n: ++made })
    const a = createWorld(1)
    const b = createWorld(1)
    expect(made).toBe(0)
    expect(a.state('shop', make)).toBe(a.state('shop', make))
    expect(b.state('shop', make)).not.toBe(a.state('shop', make))
    expect(made).toBe(2)
  })
})

describe('suites', () => {
  test('are reproducible, balanced, and give every task its own world', () => {
    const train = suite('train', all.length * 2)
    expect(suite('train', all.length * 2).map((t) => t.task)).toEqual(train.map((t) => t.task))
    expect(suite('train', 8, 2).map((t) => t.task)).not.toEqual(train.slice(0, 8).map((t) => t.task))
    const seeds = train.map((t) => t.task.embedded?.world_seed)
    expect(new Set(seeds).size).toBe(seeds.length)
    const counts = all.filter((t) => !t.novel).map((t) => train.filter((x) => x.template === t).length)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  })

  test('every template that is not novel has tasks in train, validation and test', () => {
    const common = all.filter((template) => !template.novel)
    for (const split of ['train', 'validation', 'test'] as const) {
      for (const made of suite(split, common.length)) expect(made.task.embedded?.split).toBe(split)
    }
  })

  test('no instruction and no template crosses a split', () => {
    const count = all.length * 2
    const intents = new Map(
      SPLITS.map((split) => [split, new Set(suite(split, count).map((t) => t.task.intent))]),
    )
    for (const a of SPLITS) {
      for (const b of SPLITS) {
        if (a < b)
          expect([...(intents.get(a) ?? [])].filter((intent) => intents.get(b)?.has(intent))).toEqual([])
      }
    }
    for (const { template } of suite('novel', 20)) expect(template.novel).toBe(true)
    for (const { template } of suite('test', count)) expect(template.novel).not.toBe(true)
  })

  test('shares are about 70, 15 and 15 per cent over many instructions', () => {
    const template = embeddedWeb.template('shop/add-to-cart')
    const names = Array.from({ length: 4000 }, (_, i) => splitOf(template, { product: `thing ${i}` }))
    expect(names.filter((s) => s === 'train').length / 4000).toBeCloseTo(0.7, 1)
    expect(names.filter((s) => s === 'test').length / 4000).toBeCloseTo(0.15, 1)
    expect(hashUnit('a')).toBe(hashUnit('a'))
  })

  test('a task finds its template and oracle again from plain data', async () => {
    const made = suite('train', 1)[0]
    if (!made) throw new Error('no task')
    const again = embeddedTaskOf(embeddedWeb, JSON.parse(JSON.stringify(made.task)))
    expect(again.template).toBe(made.template)
    expect(again.params).toEqual(made.params)
    const session = await inProcessDriver(embeddedBackend(embeddedWeb)).open(again.task, {
      addressing: 'name',
    })
    expect(oracleReached(again, session.world, await session.snapshot())).toHaveLength(4)
  })

  test('bad requests are one sentence', () => {
    const made = suite('train', 1)[0]
    if (!made) throw new Error('no task')
    expect(() => buildSuite({ templates: [], split: 'train', count: 1, seed: 1 })).toThrow(
      /none of the templates/,
    )
    expect(() => buildSuite({ templates: all, split: 'tset' as Split, count: 1, seed: 1 })).toThrow(
      /received "tset"/,
    )
    const oneIntent = {
      ...embeddedWeb.template('shop/move'),
      id: 'x',
      draw: () => ({ town: 'dover', from: 'a' }),
    }
    const splits = (['train', 'validation', 'test'] as const).filter(
      (split) => split !== splitOf(oneIntent, { town: 'dover' }),
    )
    expect(() =>
      buildSuite({ templates: [oneIntent], split: splits[0] as Split, count: 1, seed: 1 }),
    ).toThrow(/no parameters in the split/)
    expect(() => embeddedWeb.template('shop/nothing')).toThrow(/there is no template/)
    expect(() => sitesOfTask({ ...made.task, sites: [] }, embeddedWeb)).toThrow(/names no site/)
    const backend = embeddedBackend(embeddedWeb)
    expect(() => backend.createWorld({ ...made.task, sites: ['news'] })).toThrow(/names the site "news"/)
    const { embedded: _, ...plain } = made.task
    expect(() => backend.createWorld(plain)).toThrow(/no "embedded" part/)
    expect(() => assemble([{ site, templates }, { templates }])).toThrow(/two templates are called/)
  })

  test('sites of every template are registered', () => {
    for (const template of all) {
      for (const name of template.sites) expect(SITE_NAMES).toContain(name)
    }
  })
})
