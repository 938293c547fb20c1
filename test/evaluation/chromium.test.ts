/**
 * Evaluations in a real browser: the embedded suite with the outcome it has in process, and MiniWoB++ where its pages
 * are at hand (MINIWOB_URL).
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../lib/config/load.ts'
import { evaluateSuite } from '../../lib/evaluation/evaluate.ts'
import type { ModelSource } from '../../lib/evaluation/policy.ts'
import { rescoreEvaluation } from '../../lib/evaluation/rescore.ts'
import { miniwobSource } from '../../lib/suites/miniwob/pages.ts'
import { CHROMIUM } from '../chromium.ts'

const script = (path: string): ModelSource => ({ kind: 'script', path })
const expert = script(fileURLToPath(new URL('./expert-policy.ts', import.meta.url)))

/** A site of one function from path to page. */
async function serve(page: (path: string) => string) {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(`<!doctype html><meta charset="utf-8">${page(request.url ?? '/')}`)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mira-evaluation-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe.skipIf(!CHROMIUM)('in Chromium', () => {
  test('the embedded suite has the scores of the in-process browser', async () => {
    const set = ['evaluation.episodes=4', 'agent.concurrency=2', 'browser.poolSize=1']
    const chromium = loadConfig({ set: [...set, 'evaluation.browser=true'] })
    const real = await evaluateSuite(chromium, expert, { directory: join(folder, 'chromium') })
    const embedded = await evaluateSuite(loadConfig({ set }), expert, { directory: join(folder, 'embedded') })
    expect(real.result.provenance.browser).toBe('chromium')
    const outcome = ({ result }: typeof real) =>
      result.items.map(({ task, state, success, steps }) => ({ task, state, success, steps }))
    expect(outcome(real)).toEqual(outcome(embedded))
    expect(real.result.summary.all).toMatchObject({ successes: 4, episodes: 4 })
  }, 180_000)

  test('WebArena tasks on sites of the user, in the manner of the published harness', async () => {
    const site = await serve((path) =>
      path === '/'
        ? '<title>Shop</title><a href="/lamp">Red lamp</a><p>The total is 12.99.</p>'
        : '<title>Lamp</title><h1 id="name">Red lamp</h1><p>Two in stock</p>',
    )
    const about = (task_id: number, intent: string, spec: object) => ({
      sites: ['shopping'],
      task_id,
      start_url: '__SHOPPING__',
      intent,
      eval: { reference_answers: null, reference_url: '', program_html: [], ...spec },
    })
    const tasks = join(folder, 'tasks.json')
    const locator = "document.querySelector('#name').innerText"
    const required_contents = { exact_match: 'Red lamp' }
    writeFileSync(
      tasks,
      JSON.stringify([
        about(0, 'Say the total.', {
          eval_types: ['string_match'],
          reference_answers: { must_include: ['12.99'] },
        }),
        about(1, 'Show the lamp.', { eval_types: ['url_match'], reference_url: '__SHOPPING__/lamp' }),
        about(2, 'Open the lamp.', {
          eval_types: ['program_html'],
          program_html: [{ url: 'last', locator, required_contents }],
        }),
        about(3, 'Leave at once.', { eval_types: ['url_match'], reference_url: '__SHOPPING__/other' }),
      ]),
    )
    const policy = join(folder, 'policy.mjs')
    writeFileSync(
      policy,
      `export const createPolicy = ({ tokenizer }) => ({
        async act({ promptIds }) {
          const prompt = tokenizer.decode(promptIds)
          const id = /<a id="(\\d+)"/.exec(prompt)?.[1]
          const text = prompt.includes('Say the total')
            ? 'exit(message="It is 12.99 in all")'
            : prompt.includes('lamp.') && id !== undefined
              ? 'do(action="Click", element="' + id + '")'
              : 'exit(message="done")'
          const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
          return { ids, logprobs: new Float32Array(ids.length) }
        },
        release() {},
      })\n`,
    )
    const config = loadConfig({
      preset: 'webarena',
      set: [
        `evaluation.tasks=${tasks}`,
        `sites.urls.shopping=${site.url}`,
        ...['sites.login=none', 'browser.settle.ms=100', 'browser.poolSize=1', 'agent.screenshots=true'],
      ],
    })
    try {
      const { path, result } = await evaluateSuite(config, script(policy), { directory: join(folder, 'web') })
      expect(
        result.items.map(({ task, state, success, details }) => [task, state, success, details]),
      ).toEqual([
        [0, 'scored', true, expect.any(Array)],
        [1, 'scored', true, expect.any(Array)],
        [2, 'scored', true, expect.any(Array)],
        [3, 'scored', false, expect.any(Array)],
      ])
      expect(result.summary.columns.find(({ name }) => name === 'OSS')).toMatchObject({ tasks: 4 })
      expect(result.notes).toContain('the number of tasks is 4, published numbers use 165')
      expect(existsSync(join(path, 'screenshots', '0001-0', '00.png'))).toBe(true)
      const again = await rescoreEvaluation(path)
      expect(again.result.items.map(({ success }) => success)).toEqual([true, true, true, false])
    } finally {
      await site.close()
    }
  }, 180_000)

  const source = miniwobSource(process.env)
  test.skipIf(source === undefined)(
    `MiniWoB++ is judged by its own pages${source === undefined ? ' (set MINIWOB_URL to html/miniwob of the Python package)' : ''}`,
    async () => {
      const policy = join(folder, 'policy.mjs')
      // The only button of the page has the first id.
      writeFileSync(
        policy,
        `export const createPolicy = ({ tokenizer }) => ({
          async act() {
            const ids = Int32Array.from([...tokenizer.encode('do(action="Click", element="0")'), tokenizer.special.endOfTurn])
            return { ids, logprobs: new Float32Array(ids.length) }
          },
          release() {},
        })\n`,
      )
      const config = loadConfig({
        preset: 'miniwob',
        set: ['evaluation.ids=click-test', 'evaluation.seeds=[0, 1]', 'browser.poolSize=1'],
      })
      const { result } = await evaluateSuite(config, script(policy), { directory: join(folder, 'miniwob') })
      expect(result.items.map(({ task, success, end }) => [task, success, end])).toEqual([
        ['click-test#0', true, 'environment'],
        ['click-test#1', true, 'environment'],
      ])
      expect(result.summary.columns.map(({ name, tasks }) => [name, tasks])).toEqual([['miniwob', 2]])
    },
    180_000,
  )
})
