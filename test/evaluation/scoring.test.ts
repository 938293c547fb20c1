/** Judges behind a configuration, asked over HTTP: verdicts are kept, an unreachable judge is no score, WebRL's outcome model reads log-probabilities. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Step } from '../../lib/agent/step.ts'
import { loadConfig } from '../../lib/config/load.ts'
import { openScoring } from '../../lib/evaluation/scoring.ts'
import type { Task } from '../../lib/tasks/task.ts'
import type { Session } from '../../lib/web/session.ts'

let folder: string
let server: Server
let asked: string[]
let reply: object
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mira-scoring-'))
  asked = []
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      asked.push(body)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(reply))
    })
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
  rmSync(folder, { recursive: true })
})

const completion = (content: string, logprobs?: object) => ({
  id: '1',
  object: 'chat.completion',
  created: 0,
  model: 'judge',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content },
      finish_reason: 'stop',
      ...(logprobs && { logprobs }),
    },
  ],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

const task = {
  task_id: 1,
  sites: ['map'],
  intent: 'Which colour is it?',
  eval: {
    eval_types: ['string_match'],
    reference_answers: { fuzzy_match: ['red'] },
    reference_url: null,
    program_html: [],
  },
} as unknown as Task
const page = { url: 'http://map.test/', html: async () => '', evaluate: async () => null }
const session = {
  last: async () => page,
  open: async () => page,
  tabs: async () => [page.url],
} as unknown as Session
const steps = [{ actionText: 'exit(message="crimson")', pageText: '<p>page</p>' }] as unknown as Step[]

function open(...set: string[]) {
  const { port } = server.address() as AddressInfo
  const config = loadConfig({
    set: [
      `evaluation.judge="openai:judge@http://127.0.0.1:${port}/v1"`,
      `llm.cache.mode=off`,
      'llm.retry.attempts=1',
      ...set,
    ],
  })
  return openScoring(config, { folder })
}

test('a judge is asked once for one question, and the verdict is kept in the folder', async () => {
  reply = completion('correct')
  for (let run = 0; run < 2; run++) {
    const { judge, close } = await open('evaluation.suite=webarena-lite')
    const judgement = await judge(task, session, 'crimson', steps)
    expect(judgement).toMatchObject({
      score: 1,
      evidence: { answer: 'crimson', verdicts: [{ verdict: true }] },
    })
    await close()
  }
  expect(asked).toHaveLength(1)
  expect(asked[0]).toContain('crimson')
  expect(readFileSync(join(folder, 'verdicts.jsonl'), 'utf8')).toMatch(/"verdict":true/)
})

test('a judge that cannot be understood leaves the episode without a score', async () => {
  reply = completion('I would rather not say.')
  const { judge, close } = await open('evaluation.suite=webarena-lite')
  const judgement = await judge(task, session, 'crimson', steps)
  expect(judgement).toMatchObject({ score: 0, unscorable: expect.stringMatching(/judge/) })
  await close()
})

test("WebRL's tasks are scored by the outcome model's P(YES)", async () => {
  const said = (yes: number, no: number) =>
    completion('YES', {
      content: [
        {
          ...{ token: 'YES', logprob: Math.log(yes), bytes: null },
          top_logprobs: [
            { token: 'YES', logprob: Math.log(yes), bytes: null },
            { token: 'NO', logprob: Math.log(no), bytes: null },
          ],
        },
      ],
    })
  const { judge, judgeEarlyStops, close } = await open('evaluation.suite=webrl', 'evaluation.threshold=0.7')
  expect(judgeEarlyStops).toBe(true)
  reply = said(0.8, 0.2)
  expect(await judge(task, session, undefined, steps)).toMatchObject({ score: 1 })
  reply = said(0.6, 0.4)
  expect(await judge(task, session, undefined, steps)).toMatchObject({ score: 0 })
  await close()
})

test("WebRL's tasks without an outcome model are refused", async () => {
  const config = loadConfig({ set: ['evaluation.suite=webrl'] })
  await expect(openScoring(config, { folder })).rejects.toThrow(
    /evaluation\.judge: expected the outcome model/,
  )
})
