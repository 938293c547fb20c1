/** Task files of users on their sites: WebArena-Lite's own file where it is at hand, and small files of every form. */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { columnOf, siteGroup, siteUrls, siteUrlsFromEnvironment } from '../../lib/suites/sites.ts'
import { readWebArena } from '../../lib/suites/webarena.ts'

const LITE = fileURLToPath(new URL('../../../shared/webarena/test_webarena_lite.raw.json', import.meta.url))
const SITES = {
  shopping: 'http://shop.test:7770/',
  shopping_admin: 'http://shop.test:7780/admin',
  reddit: 'http://forum.test:9999',
  gitlab: 'http://code.test:8023',
  map: 'http://map.test:3000',
  wikipedia: 'http://wiki.test:8888',
}

const task = (over: object = {}) => ({
  sites: ['shopping'],
  task_id: 0,
  start_url: '__SHOPPING__',
  intent: 'Open my wish list',
  eval: { eval_types: ['url_match'], reference_url: '__SHOPPING__/wishlist' },
  ...over,
})

async function file(content: unknown, name = 'tasks.json'): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'mira-suites-')), name)
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe.skipIf(!existsSync(LITE))('WebArena-Lite (needs the raw task file beside the repository)', () => {
  test('165 tasks, every placeholder filled, start URLs as in a plain text replacement', async () => {
    const lite = await readWebArena(LITE, { sites: SITES })
    expect(lite.tasks).toHaveLength(165)
    expect(JSON.stringify(lite.tasks)).not.toMatch(/__[A-Z]/)
    const replaced = (await readFile(LITE, 'utf8')).replace(/__([A-Z_]+)__/g, (_, name: string) =>
      SITES[name.toLowerCase() as keyof typeof SITES].replace(/\/$/, ''),
    )
    const plain = JSON.parse(replaced) as { start_url: string; eval: { reference_url: string } }[]
    lite.tasks.forEach((one, i) => {
      expect(one.start_url).toBe(plain[i]?.start_url)
      expect(one.eval.reference_url).toBe(plain[i]?.eval.reference_url)
    })
    expect(JSON.stringify(lite.tasks)).toContain('__last_url__')
  })

  test('columns of the published tables: 19, 30, 35, 30 and 45; six tasks count only in the average', async () => {
    const { tasks } = await readWebArena(LITE, { sites: SITES })
    const count = new Map<string | undefined, number>()
    for (const one of tasks) count.set(columnOf(one), (count.get(columnOf(one)) ?? 0) + 1)
    expect(Object.fromEntries([...count].filter(([column]) => column))).toEqual({
      Reddit: 19,
      Gitlab: 30,
      CMS: 35,
      Map: 30,
      OSS: 45,
    })
    expect(count.get(undefined)).toBe(6)
    expect(siteGroup({ sites: ['reddit', 'gitlab'] })).toBe(siteGroup({ sites: ['gitlab', 'reddit'] }))
  })

  test('62 tasks change their sites, the others only read; map and wikipedia are never locked', async () => {
    const lite = await readWebArena(LITE, { sites: SITES })
    expect(lite.tasks.filter((one) => lite.mutates(one))).toHaveLength(62)
    const at = (id: number) => lite.touches(lite.tasks[id]!)
    expect(at(96)).toMatchObject({ reads: [] })
    expect(at(158)).toEqual({ locks: [], reads: ['map', 'shopping_admin'] })
    expect(at(144)).toEqual({ locks: ['shopping', 'reddit'], reads: [] })
    expect(at(146)).toEqual({ locks: ['reddit', 'gitlab'], reads: [] })
    expect(at(64)).toEqual({ locks: [], reads: ['wikipedia', 'map'] })
    const locked = new Set(lite.tasks.flatMap((one) => lite.touches(one).locks))
    expect([...locked].sort()).toEqual(['gitlab', 'reddit', 'shopping', 'shopping_admin'])
  })

  test('the rule for unlabelled tasks agrees with the labels on 152', async () => {
    const lite = await readWebArena(LITE, { sites: SITES })
    const agree = lite.tasks.filter(
      (one) => one.eval.eval_types.includes('program_html') === lite.mutates(one),
    )
    expect(agree).toHaveLength(152)
  })

  test('without map and wikipedia the tasks that need a map are named, and leaving them out helps', async () => {
    const { map: _map, wikipedia: _wiki, ...sites } = SITES
    await expect(readWebArena(LITE, { sites })).rejects.toThrow(/__MAP__ \(tasks .*158.*\): set MAP in/)
    const without = await readWebArena(LITE, {
      sites,
      filter: { sites: ['shopping', 'shopping_admin', 'reddit', 'gitlab'] },
    })
    expect(without.tasks).toHaveLength(45 + 35 + 19 + 30 + 5)
  })

  test('origins are those of the sites, the placeholders and the start URLs', async () => {
    const lite = await readWebArena(LITE, { sites: SITES })
    expect(lite.origins(lite.tasks[144]!).sort()).toEqual(['http://forum.test:9999', 'http://shop.test:7770'])
    expect(lite.origins(lite.tasks[103]!)).toEqual(['http://shop.test:7770'])
    expect(lite.origins(lite.tasks[64]!).sort()).toEqual(['http://map.test:3000', 'http://wiki.test:8888'])
  })
})

test('a task as small as the form allows, alone, in an array, as lines, in a folder', async () => {
  const alone = await readWebArena(await file(task()), { sites: SITES })
  const array = await readWebArena(await file([task()]), { sites: SITES })
  const lines = await readWebArena(await file(`${JSON.stringify(task())}\n\n`, 'a.jsonl'), { sites: SITES })
  expect(array.tasks).toEqual(alone.tasks)
  expect(lines.tasks).toEqual(alone.tasks)
  expect(alone.tasks[0]).toMatchObject({
    start_url: 'http://shop.test:7770',
    storage_state: null,
    eval: { reference_url: 'http://shop.test:7770/wishlist', reference_answers: null, program_html: [] },
  })
  const folder = await mkdtemp(join(tmpdir(), 'mira-suites-'))
  for (const id of [10, 9]) await writeFile(join(folder, `${id}.json`), JSON.stringify(task({ task_id: id })))
  const both = await readWebArena(folder, { sites: SITES })
  expect(both.tasks.map((one) => one.task_id)).toEqual([9, 10])
})

test('what cannot be read is said with file, task and field', async () => {
  const read = async (content: unknown) => readWebArena(await file(content), { sites: SITES })
  await expect(read('{')).rejects.toThrow(/tasks\.json is not JSON/)
  await expect(read([task(), task({ task_id: 1, sites: [] })])).rejects.toThrow(/task 1 of .*field sites/)
  await expect(read([task({ eval: { eval_types: ['guess'] } })])).rejects.toThrow(/field eval\.eval_types/)
  await expect(read([task(), task()])).rejects.toThrow(/task_id 0 of task 0/)
  await expect(read([task({ depends_on: [9] })])).rejects.toThrow(
    /task 0 depends on task 9, which is not in the file/,
  )
  await expect(readWebArena('/no/such/file', { sites: SITES })).rejects.toThrow(
    /\/no\/such\/file cannot be read/,
  )
  await expect(
    read([task({ start_url: '__BLOG__' }), task({ task_id: 1, start_url: '__BLOG__' })]),
  ).rejects.toThrow(/no URL is known for __BLOG__ \(tasks 0-1\): set BLOG/)
})

test('labels of the file and of the settings win over the rule', async () => {
  const path = await file([
    task({ mutates: true, depends_on: [1] }),
    task({ task_id: 1, locks: ['cart'], reads: ['shopping', 'cart'] }),
    task({ task_id: 2 }),
  ])
  const suite = await readWebArena(path, { sites: SITES, labels: { '2': { locks: ['orders'] } } })
  const [first, second, third] = suite.tasks as [never, never, never]
  expect(suite.touches(first)).toEqual({ locks: ['shopping'], reads: [] })
  expect(suite.dependsOn(first)).toEqual(['1'])
  expect(suite.touches(second)).toEqual({ locks: ['cart'], reads: ['shopping'] })
  expect(suite.touches(third)).toEqual({ locks: ['orders'], reads: ['shopping'] })
})

test('filters by id, run of ids, site and change; a choice that names nothing is an error', async () => {
  const path = await file([
    task(),
    task({ task_id: 1, mutates: true }),
    task({ task_id: 2, sites: ['reddit'], start_url: '__REDDIT__' }),
  ])
  const ids = async (filter: object) =>
    (await readWebArena(path, { sites: SITES, filter })).tasks.map((one) => one.task_id)
  expect(await ids({ ids: ['0-1'] })).toEqual([0, 1])
  expect(await ids({ ids: [2, '0'] })).toEqual([0, 2])
  expect(await ids({ sites: ['shopping'], mutating: false })).toEqual([0])
  expect(await ids({ mutating: true })).toEqual([1])
  expect(await ids({ limit: 2 })).toEqual([0, 1])
  await expect(ids({ ids: [7] })).rejects.toThrow('no task has the id "7"; ids go from 0 to 2')
  await expect(ids({ sites: ['shop'] })).rejects.toThrow(
    /no task is on the site "shop"; choose from shopping, reddit/,
  )
})

test('several containers of a site: the task on each of them, its origins with it, copies included', async () => {
  const path = await file([task()])
  const suite = await readWebArena(path, {
    sites: { ...SITES, shopping: ['http://a.test', 'http://b.test'] },
  })
  expect(suite.instances).toMatchObject({ shopping: 2, reddit: 1 })
  const second = suite.at(suite.tasks[0]!, { shopping: 1 })
  expect(second).toMatchObject({
    start_url: 'http://b.test',
    eval: { reference_url: 'http://b.test/wishlist' },
  })
  expect(suite.origins(second)).toEqual(['http://b.test'])
  expect(suite.origins(structuredClone(second))).toEqual(['http://b.test'])
  expect(suite.origins(suite.tasks[0]!)).toEqual(['http://a.test'])
})

test('site URLs of an environment: both names, the prefixed one first, empty ones absent, others refused', () => {
  expect(
    siteUrlsFromEnvironment({ SHOPPING: 'http://x:1/', WA_SHOPPING: 'http://y:2', REDDIT: ' ' }),
  ).toEqual({
    shopping: 'http://y:2',
  })
  expect(() => siteUrls({ MAP: 'localhost:3000' })).toThrow(
    /"MAP" expects an http or https address .*"localhost:3000"/,
  )
})
