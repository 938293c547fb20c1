/** `mira run` and `mira plan-task`: a site of one's own in Chromium, a language model on a local server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { episodeReporter, printable } from '../../lib/cli/checklist-output.ts'
import { main } from '../../lib/cli/main.ts'
import { NOTHING } from '../../lib/agent/spent.ts'
import { CHROMIUM } from '../chromium.ts'
import { userText } from '../evaluation/webmaster.ts'
import { type Answer, type Seen, say, TestServer } from '../llm/server.ts'

const missing =
  CHROMIUM === undefined ? 'needs a Chromium: install chromium, or name it in MIRA_CHROMIUM' : ''
const PLAN = ['Open the lamps', 'Open the red lamp', 'Read its price', 'Answer with the price']

let model: TestServer
let site: Server
let folder: string
beforeAll(async () => {
  model = await TestServer.start()
  site = createServer(({ url }, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    const body =
      url === '/'
        ? '<h1>Shop</h1><a href="/lamps">Lamps</a>'
        : url === '/lamps'
          ? '<h1>Lamps</h1><a href="/red">Red lamp</a>'
          : '<h1>Red lamp</h1><p>It costs 12.99.</p>'
    response.end(`<!doctype html><title>Shop</title>${body}`)
  })
  await new Promise<void>((ready) => site.listen(0, '127.0.0.1', ready))
  folder = mkdtempSync(join(tmpdir(), 'mira-own-'))
})
afterAll(async () => {
  await model.close()
  site.closeAllConnections()
  await new Promise((closed) => site.close(closed))
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  model.seen.length = 0
  model.otherwise = answer
})

/** Clicks the only link of a page; on one without links it answers. */
function answer(seen: Seen): Answer {
  const user = userText(seen)
  const asked = seen.body.response_format?.json_schema?.name
  const turn = user.match(/^\d+\. (?=click|stop)/gm)?.length ?? 0
  if (asked === 'milestones') return say(JSON.stringify({ milestones: PLAN }))
  if (asked === 'assessment') {
    const finished = user.includes('has finished with the answer: 12.99')
    const achieved = PLAN.map((_, k) => finished || k < turn)
    return say(JSON.stringify({ achieved, current_done: true, next: 'go on', note: '' }))
  }
  const link = /\[(\d+)\] link/.exec(user)?.[1]
  return say(link ? `I follow the link.\n\`\`\`click [${link}]\`\`\`` : 'Here it is.\n```stop [12.99]```')
}

async function mira(...argv: string[]) {
  let [out, err] = ['', '']
  const set = [
    `llm.cache.directory=${join(folder, 'cache')}`,
    'browser.settle.capMs=500',
    'llm.retry.attempts=1',
  ]
  const code = await main([...argv, ...set.flatMap((line) => ['--set', line])], {
    out: {
      write: (text) => {
        out += text
      },
    },
    err: {
      write: (text) => {
        err += text
      },
    },
    engine: () => Promise.reject(new Error('no engine is needed here')),
    quit: () => {},
  })
  return { code, out, err }
}

const url = () => `http://127.0.0.1:${(site.address() as AddressInfo).port}/`
const spec = () => `openai:test-model@${model.origin}/v1`

describe.skipIf(missing !== '')(`in Chromium${missing && ` (${missing})`}`, () => {
  test('plan-task prints the checklist of a task from its first page', async () => {
    const { code, out, err } = await mira(
      'plan-task',
      'What does the red lamp cost?',
      '--url',
      url(),
      '--model',
      spec(),
    )
    expect([code, err]).toEqual([0, ''])
    expect(out.split('\n').slice(0, 4)).toEqual(PLAN.map((text, k) => `[ ] ${k + 1}. ${text}`))
    expect(out.split('\n')[4]).toMatch(/^1 calls; 10 tokens in, 5 out; cost unknown$/)
    const prompt = userText(model.seen[0] as Seen)
    expect(prompt).toContain('What does the red lamp cost?')
    expect(prompt).toMatch(/\[\d+\] link 'Lamps'/)
    expect(model.violations).toEqual([])
  }, 120_000)

  test('run carries it out, and the checklist fills line by line', async () => {
    const intent = 'How much is the red lamp?'
    const { code, out, err } = await mira('run', intent, '--url', url(), '--model', spec(), '--sgo')
    expect([code, err]).toEqual([0, ''])
    const lines = out.trim().split('\n')
    expect(lines.slice(0, 10)).toEqual([
      `[>] 1. ${PLAN[0]}`,
      ...PLAN.slice(1).map((text, k) => `[ ] ${k + 2}. ${text}`),
      expect.stringMatching(/^ {2}1 {2}click \[\d+\]$/),
      `[x] 1. ${PLAN[0]}`,
      expect.stringMatching(/^ {2}2 {2}click \[\d+\]$/),
      `[x] 2. ${PLAN[1]}`,
      '  3  stop [12.99]',
      `[x] 3. ${PLAN[2]}`,
    ])
    expect(lines.slice(10, 13)).toEqual([
      `[x] 4. ${PLAN[3]}`,
      expect.stringMatching(/^finished after 3 steps, /),
      'answer: 12.99',
    ])
    expect(lines[13]).toMatch(/^agent: 3 calls; /)
    expect(lines[14]).toMatch(/^planning: 4 calls; /)
    expect(model.violations).toEqual([])
  }, 120_000)

  test('a page that does not answer is one sentence, not a stack', async () => {
    const { code, err } = await mira('run', 'Buy a lamp.', '--url', 'http://127.0.0.1:9/', '--model', spec())
    expect(code).toBe(1)
    expect(err).toMatch(/^error: .*127\.0\.0\.1:9.*\n$/)
  }, 120_000)
})

test.each([
  [['run', 'x', '--url', 'http://127.0.0.1/'], /--model: expected a language model/],
  [['run', 'x', '--url', 'ftp://x/', '--model', 'gemini:m'], /--url: expected an http\(s\) address/],
  [['run', 'x', '--model', 'gemini:m'], /required option '--url/],
  [['plan-task', 'x', '--url', 'http://127.0.0.1/'], /llm\.models\.planner: expected a language model/],
  [['plan-task', ' ', '--url', 'http://127.0.0.1/', '--model', 'gemini:m'], /expected what is to be done/],
  [
    ['plan-task', 'x', '--url', 'http://a/', '--model', 'gemini:m', '--thinking', '0,1'],
    /--thinking: expected one budget/,
  ],
  [
    ['run', 'x', '--url', 'http://a/', '--model', 'gemini:m', '--set', 'prompted.prompt=/nowhere.md'],
    /prompt \/nowhere\.md: expected a readable file/,
  ],
])('%s', async (argv, expected) => {
  const { code, err } = await mira(...argv)
  expect(err).toMatch(expected)
  expect(code).toBe(2)
})

test('on a terminal the block is drawn over itself, no line wider than it', () => {
  let screen = ''
  const out = {
    isTTY: true,
    write: (text: string) => {
      screen += text
    },
  }
  const reporter = episodeReporter('auto', out, 24)
  const plan = (z: number[], target: number) => ({
    type: 'plan' as const,
    guidance: {
      plan: { milestones: ['open', 'a very long milestone indeed'], z, target, stall: 0, spent: NOTHING },
      stalled: false,
    },
  })
  reporter.handle(plan([0, 0], 0))
  expect(screen).toBe('[>] 1. open\n[ ] 2. a very long mi...\n')
  screen = ''
  expect(printable('a\u001b[2Jb\r')).toBe('a [2Jb ')
  reporter.handle(plan([1, 0], 1))
  expect(screen).toBe('\u001b[2A\u001b[0J[x] 1. open\n[>] 2. a very long mi...\n')
})
