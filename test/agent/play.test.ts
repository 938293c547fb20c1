/** The episode loop with scripted replies: how episodes end, what steps keep, and whose fault an error is. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { judgeByEvaluation } from '../../lib/agent/judge.ts'
import { type AgentSetup, playEpisode } from '../../lib/agent/play.ts'
import type { Policy } from '../../lib/agent/policy.ts'
import { rollout } from '../../lib/agent/rollout.ts'
import { monotoneBelief } from '../../lib/milestones/belief.ts'
import { oracleChecker } from '../../lib/milestones/oracle.ts'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))
const embedded = taskFrom(embeddedWeb.template('shop/buy-express'), 11)

/** Replies with these texts in turn, the last one for ever. */
function scripted(texts: readonly string[]): Policy & { released: number[] } {
  let turn = 0
  const released: number[] = []
  return {
    released,
    async act() {
      const text = texts[Math.min(turn++, texts.length - 1)] ?? ''
      const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
      return { ids, logprobs: new Float32Array(ids.length) }
    },
    release: (session) => released.push(session),
  }
}

function setup(policy: Policy, over: Partial<AgentSetup> = {}): AgentSetup {
  return {
    driver: inProcessDriver(embeddedBackend(embeddedWeb)),
    policy,
    tokenizer,
    checker: oracleChecker(embeddedWeb),
    judge: judgeByEvaluation,
    addressing: 'name',
    prompt: { style: 'compact', maxPromptTokens: 400 },
    limits: { horizon: 15, stuckRepeats: 3 },
    ...over,
  }
}

const request = { id: 'x', task: embedded.task, phase: 0, seed: 1n, temperature: 1, session: 4 }

test('the expert, said in tokens, succeeds and reaches every milestone in order', async () => {
  const actions = embedded.template.expert(createWorld(11), embedded.params).map(formatAction)
  const policy = scripted(actions)
  const episode = await playEpisode(setup(policy), request)
  expect(episode).toMatchObject({ end: 'exit', answer: 'done', judgement: { score: 1 } })
  expect(episode.steps.map((step) => step.actionText)).toEqual(actions)
  const belief = monotoneBelief(episode.steps.map((step) => step.reached))
  expect([...belief.slice(-4)]).toEqual([1, 1, 1, 1])
  expect(policy.released).toEqual([4])
})

test('the same text three times in a row is stuck, without an exit it scores 0', async () => {
  const episode = await playEpisode(setup(scripted(['do(action="Click", element="ghost")'])), request)
  expect(episode.end).toBe('stuck')
  expect(episode.steps).toHaveLength(3)
  expect(episode.steps[0]?.error).toMatch(/no element called "ghost"/)
  expect(episode.judgement).toEqual({ score: 0, details: ['the agent never said that it was done'] })
  expect(tokenizer.decode(episode.steps[1]?.promptIds ?? [])).toContain('element="ghost") # failed\n')
})

test('nonsense is a step that says why, and the horizon ends what does not end itself', async () => {
  const noise = ['', '))((', 'do(', 'exit(message=', 'click the lamp', '\u0000']
  const episode = await playEpisode(
    setup(scripted(noise), { limits: { horizon: 6, stuckRepeats: 0 } }),
    request,
  )
  expect(episode.end).toBe('horizon')
  expect(episode.steps.map((step) => step.action.kind)).toEqual(noise.map(() => 'invalid'))
  for (const step of episode.steps) expect(step.error?.length).toBeGreaterThan(5)
})

test('an environment that breaks once is retried, twice is reported apart', async () => {
  const driver = inProcessDriver(embeddedBackend(embeddedWeb))
  let failures = 1
  const flaky = {
    ...driver,
    open: async (...args: Parameters<typeof driver.open>) => {
      if (failures-- > 0) throw new Error('the site is down')
      return driver.open(...args)
    },
  }
  const plan = { phase: 0, stage: 's', runSeed: 1, temperature: 0, concurrency: 1, tasks: [embedded.task] }
  const agent = setup(scripted(['exit(message="done")']), { driver: flaky })
  expect(await rollout(agent, plan)).toMatchObject({ episodes: [{ end: 'exit' }], errors: [] })
  failures = 2
  const lost = await rollout(agent, plan)
  expect(lost.episodes).toEqual([])
  expect(lost.errors).toMatchObject([{ task: { task_id: embedded.task.task_id } }])
})

test('many episodes on one signal bring no warning of a listener leak', async () => {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  const listening: Policy = {
    act: ({ signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener('abort', () => {}, { once: true })
        const ids = Int32Array.from([
          ...tokenizer.encode('exit(message="done")'),
          tokenizer.special.endOfTurn,
        ])
        setImmediate(() => resolve({ ids, logprobs: new Float32Array(ids.length) }))
      }),
    release: () => {},
  }
  const tasks = Array.from({ length: 24 }, () => embedded.task)
  const { signal } = new AbortController()
  const plan = { phase: 0, stage: 's', runSeed: 1, temperature: 0, concurrency: 24, tasks, signal }
  expect((await rollout(setup(listening), plan)).episodes).toHaveLength(24)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', note)
  expect(warnings).toEqual([])
})

test('an aborted rollout rejects instead of counting failures', async () => {
  const plan = {
    phase: 0,
    stage: 's',
    runSeed: 1,
    temperature: 0,
    concurrency: 2,
    tasks: [embedded.task, embedded.task],
  }
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(rollout(setup(scripted([''])), { ...plan, signal })).rejects.toThrow('enough')
})
