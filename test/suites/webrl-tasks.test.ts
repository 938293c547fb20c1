/** WebRL's forms of tasks without a reward, on the user's sites. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WebArenaTasks } from '../../lib/suites/webarena.ts'
import { readWebRlTasks } from '../../lib/suites/webrl-tasks.ts'

const SITES = { shopping_admin: 'http://a.test/admin', shopping: 'http://s.test', map: 'http://m.test' }

async function file(content: unknown, name = 'tasks.json'): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'mira-webrl-')), name)
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

test('generated lines: the names of webs become sites, start URL and login follow from them', async () => {
  const lines = [
    { task: 'Find the best seller', web: 'cms' },
    { task: 'Buy a lamp', web: 'oss' },
    { task: 'Route home', web: 'map' },
  ]
  const raw = await readWebRlTasks(
    await file(lines.map((line) => JSON.stringify(line)).join('\n'), 'g.jsonl'),
  )
  const suite = new WebArenaTasks(raw, { sites: SITES })
  expect(suite.tasks).toMatchObject([
    {
      task_id: 0,
      sites: ['shopping_admin'],
      start_url: 'http://a.test/admin',
      intent: 'Find the best seller',
    },
    {
      task_id: 1,
      sites: ['shopping'],
      start_url: 'http://s.test',
      storage_state: './.auth/shopping_state.json',
    },
    { task_id: 2, sites: ['map'], start_url: 'http://m.test', storage_state: null },
  ])
  expect(suite.tasks[0]?.eval).toMatchObject({
    eval_types: ['string_match'],
    reference_answers: { exact_match: 'N/A' },
  })
})

test('described tasks keep their start URL, placeholders or not; full objects too; ids stay', async () => {
  const raw = await readWebRlTasks(
    await file([
      { intent: 'Compare', sites: ['shopping'], start_url: '__SHOPPING__/sale.html' },
      {
        intent: 'Look',
        sites: ['map'],
        start_url: 'http://m.test/x',
        task_id: 'look',
        eval: { eval_types: [] },
      },
    ]),
  )
  const suite = new WebArenaTasks(raw, { sites: SITES })
  expect(suite.tasks.map((task) => task.start_url)).toEqual(['http://s.test/sale.html', 'http://m.test/x'])
  expect(suite.tasks.map((task) => task.task_id)).toEqual([0, 'look'])
})

test('an empty task, an unknown field type and a doubled id are named', async () => {
  await expect(readWebRlTasks(await file('{"task":" ","web":"oss"}', 'g.jsonl'))).rejects.toThrow(
    /line 1 of .*g\.jsonl: the field task/,
  )
  await expect(readWebRlTasks(await file([{ intent: 'x', sites: 'map' }]))).rejects.toThrow(/field sites/)
  const twice = [1, 1].map((task_id) => ({ task_id, intent: 'x', sites: ['map'] }))
  await expect(readWebRlTasks(await file(twice))).rejects.toThrow(/task_id 1 of a task before it/)
})
