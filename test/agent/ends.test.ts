/** How episodes end in suites from outside: limits of the published harness, environments that judge themselves. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type AgentSetup, playEpisode } from '../../lib/agent/play.ts'
import type { Policy } from '../../lib/agent/policy.ts'
import type { Task } from '../../lib/tasks/task.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { DeadlineError } from '../../lib/web/errors.ts'
import type { Session, Verdict } from '../../lib/web/session.ts'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))
const task = { task_id: 1, sites: ['shopping'], intent: 'Buy it.' } as Task

/** Replies with these texts in turn, the last one for ever. */
function scripted(texts: readonly string[]): Policy & { prompts: string[] } {
  let turn = 0
  const prompts: string[] = []
  return {
    prompts,
    async act({ promptIds }) {
      prompts.push(tokenizer.decode(promptIds))
      const text = texts[Math.min(turn++, texts.length - 1)] ?? ''
      const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
      return { ids, logprobs: new Float32Array(ids.length) }
    },
    release: () => {},
  }
}

const page = { url: 'http://site.test/', html: async () => '', evaluate: async () => null }
const session = (over: Partial<Session> = {}): Session => ({
  observe: async () => ({ url: page.url, title: '', text: 'page', elements: [], addressing: 'id' }),
  act: async () => ({ ok: true }),
  snapshot: async () => ({ url: page.url, title: '', html: '' }),
  last: async () => page,
  open: async () => page,
  tabs: async () => [],
  close: async () => {},
  ...over,
})

/** Plays with a judge that notes the answers it was asked about and finds them all good. */
async function play(texts: readonly string[], own: Session = session(), over: Partial<AgentSetup> = {}) {
  const answers: (string | undefined)[] = []
  const policy = scripted(texts)
  const episode = await playEpisode(
    {
      driver: { open: async () => own, close: async () => {} },
      policy,
      tokenizer,
      checker: { check: async () => new Uint8Array(0) },
      judge: async (_, __, answer) => {
        answers.push(answer)
        return { score: answer === undefined ? 0 : 1, details: [] }
      },
      addressing: 'id',
      prompt: { style: 'compact', maxPromptTokens: 400 },
      limits: { horizon: 4, stuckRepeats: 3, invalidRepeats: 2 },
      ...over,
    },
    { id: 'x', task, phase: 0, seed: 1n, temperature: 0, session: 1 },
  )
  return { episode, answers, prompts: policy.prompts }
}

const click = (id: number) => `do(action="Click", element="${id}")`

describe('agents that are stopped', () => {
  test.each([
    ['horizon', [click(1), click(2), click(1), click(2)], 4, 'Early stop: Reach max steps 4'],
    ['stuck', [click(1)], 3, 'Early stop: Same action for 3 times'],
    ['invalid', ['what?', 'hm'], 2, 'Early stop: Failed to parse actions for 2 times'],
  ] as const)(
    '%s: judged on what the published harness puts as answer, or on none',
    async (end, texts, steps, answer) => {
      const judged = await play(texts, session(), { judgeEarlyStops: true })
      expect(judged.episode).toMatchObject({ end, judgement: { score: 1 } })
      expect(judged.episode.answer).toBeUndefined()
      expect(judged.episode.steps).toHaveLength(steps)
      expect(judged.answers).toEqual([answer])
      expect((await play(texts)).answers).toEqual([undefined])
    },
  )

  test('an exit in the last step is an exit', async () => {
    const { episode, answers } = await play([click(1), click(2), click(3), 'exit(message="42")'])
    expect([episode.end, episode.answer, answers]).toEqual(['exit', '42', ['42']])
  })

  test('a text that brings the published harness down ends the episode without asking a judge', async () => {
    const over = { grammar: 'vab', judgeEarlyStops: true } as const
    const { episode, answers } = await play([click(1), 'do(action="Click")', click(2)], session(), over)
    expect(episode).toMatchObject({ end: 'invalid', judgement: { score: 0 } })
    expect(episode.steps).toHaveLength(2)
    expect(answers).toEqual([])
    // The superset takes the same text as a step that says what is missing.
    expect((await play([click(1), 'do(action="Click")', click(2), click(3)])).episode.end).toBe('horizon')
  })
})

describe('environments that judge themselves', () => {
  function selfJudging(after: number, verdict: Verdict): Session {
    let acts = 0
    return session({
      intent: 'Click the red one.',
      act: async () => {
        acts++
        return { ok: true }
      },
      verdict: async () => (acts >= after ? verdict : undefined),
    })
  }
  test('their verdict ends the episode, and their words are the instruction', async () => {
    const verdict = { success: true, reward: 0.8, reason: 'fast' }
    const { episode, answers, prompts } = await play([click(1), click(2)], selfJudging(2, verdict))
    expect(episode).toMatchObject({
      end: 'environment',
      task: { intent: 'Click the red one.' },
      judgement: { score: 1, details: ['pass environment: reward 0.8, fast'] },
    })
    expect(episode.steps).toHaveLength(2)
    expect(answers).toEqual([])
    expect(prompts[0]).toContain('Click the red one.')
  })
  test('an agent that leaves before there is one has not succeeded', async () => {
    const own = selfJudging(9, { success: true, reward: 1, reason: '' })
    const { episode } = await play(['exit(message="done")'], own)
    expect(episode).toMatchObject({ end: 'exit', judgement: { score: 0 } })
  })
})

test('judged after every step, the first success ends the episode', async () => {
  let steps = 0
  const judge: AgentSetup['judge'] = async (_, __, answer) => ({
    score: answer === '' && ++steps === 2 ? 1 : 0,
    details: [],
  })
  const { episode } = await play([click(1), click(2), click(3)], session(), { judgeEveryStep: true, judge })
  expect(episode).toMatchObject({ end: 'environment', judgement: { score: 1 } })
  expect(episode.steps).toHaveLength(2)
})

test('an episode that does not end in time is a failure of the environment, and its session is closed', async () => {
  let closed = false
  const own = session({
    observe: () => new Promise(() => {}),
    close: async () => {
      closed = true
    },
  })
  const late = play([click(1)], own, { episodeSeconds: 0.05 })
  await expect(late).rejects.toThrow(DeadlineError)
  await expect(late).rejects.toThrow(/task 1: expected the episode to end within 0.05 s/)
  expect(closed).toBe(true)
})

test('pictures are kept with their steps', async () => {
  const screenshot = Uint8Array.of(137, 80)
  const own = session({
    observe: async () => ({ url: '', title: '', text: '', elements: [], addressing: 'id', screenshot }),
  })
  const { episode } = await play(['exit(message="")'], own, { screenshots: true })
  expect(episode.steps[0]?.screenshot).toBe(screenshot)
})
