/** SGO around the episode loop, with planners and raters that say what they are told to. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Guidance, GuideView } from '../../lib/agent/guide.ts'
import { judgeByEvaluation } from '../../lib/agent/judge.ts'
import { type AgentSetup, type EpisodeEvent, playEpisode } from '../../lib/agent/play.ts'
import type { Policy } from '../../lib/agent/policy.ts'
import { type Planner, type Rater, type SgoOptions, sgo } from '../../lib/agent/sgo.ts'
import { checkerRater, planBy } from '../../lib/agent/sgo-parts.ts'
import { NOTHING } from '../../lib/agent/spent.ts'
import { LanguageModelError } from '../../lib/llm/errors.ts'
import { monotoneBelief } from '../../lib/milestones/belief.ts'
import { oracleGenerator } from '../../lib/milestones/generator.ts'
import { noisyChecker } from '../../lib/milestones/noise.ts'
import { oracleChecker } from '../../lib/milestones/oracle.ts'
import { decodeLine, encodeEpisode } from '../../lib/run/episodes.ts'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { taskFrom } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))
const embedded = taskFrom(embeddedWeb.template('shop/buy-express'), 11)
const milestones = embedded.task.embedded?.milestones ?? []
const expert = embedded.template.expert(createWorld(11), embedded.params).map(formatAction)
const oracle = oracleChecker(embeddedWeb)

const OPTIONS: SgoOptions = {
  target: { aim: 'first-undone', onStall: 'drop', repeats: 2, failures: 0, samePage: 0, unmoved: 0 },
  monotone: true,
  replanAfter: 0,
  maxReplans: 2,
  stallTemperature: 0,
}

/** Says these texts in turn, and keeps the prompts. */
function scripted(texts: readonly string[]): Policy & { prompts: string[] } {
  const prompts: string[] = []
  return {
    prompts,
    async act({ promptIds }) {
      const text = texts[Math.min(prompts.length, texts.length - 1)] ?? ''
      prompts.push(tokenizer.decode(promptIds))
      const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
      return { ids, logprobs: new Float32Array(ids.length) }
    },
    release() {},
  }
}

function play(texts: readonly string[], over: Partial<AgentSetup>, watch?: (event: EpisodeEvent) => void) {
  const policy = scripted(texts)
  const setup: AgentSetup = {
    driver: inProcessDriver(embeddedBackend(embeddedWeb)),
    policy,
    tokenizer,
    checker: oracle,
    judge: judgeByEvaluation,
    addressing: 'name',
    prompt: { style: 'compact', maxPromptTokens: 400 },
    limits: { horizon: 15, stuckRepeats: 5 },
    ...over,
  }
  const request = { id: 'x', task: embedded.task, phase: 0, seed: 1n, temperature: 1, session: 0 }
  const episode = playEpisode(setup, { ...request, ...(watch ? { watch } : {}) })
  return { episode, policy }
}

const goalIn = (prompt: string) => /^goal: (.*)$/m.exec(prompt)?.[1]

describe('with the oracle', () => {
  const planner = { plan: planBy(oracleGenerator()) }

  test.each([true, false])(
    'the first undone milestone is in every prompt (verdicts reused: %s)',
    async (sameAsSteps) => {
      const guide = sgo(planner, checkerRater(oracle, { sameAsSteps }), OPTIONS)
      const { episode, policy } = play(expert, { guide })
      const { steps, judgement } = await episode
      expect(judgement.score).toBe(1)
      const z_TK = monotoneBelief(steps.map(({ reached }) => reached))
      const K = milestones.length
      for (const [t, { plan }] of steps.entries()) {
        const z = t === 0 ? plan?.z : [...z_TK.slice((t - 1) * K, t * K)]
        expect(plan?.z).toEqual(z)
        const first = z?.indexOf(0) ?? -1
        expect(plan?.target).toBe(first < 0 ? undefined : first)
        expect(goalIn(policy.prompts[t] as string)).toBe(milestones[first])
      }
      expect(steps.at(-1)?.plan?.z.filter((bit) => bit === 1).length).toBeGreaterThan(1)
    },
  )

  test('a repeated action drops the target, for as long as it is repeated', async () => {
    const ghost = 'do(action="Click", element="ghost")'
    const guide = sgo(planner, checkerRater(oracle, { sameAsSteps: true }), OPTIONS)
    const { episode, policy } = play([ghost, ghost, ghost, 'do(action="Wait")', 'exit(message="x")'], {
      guide,
    })
    const { steps } = await episode
    expect(policy.prompts.map((prompt) => goalIn(prompt) !== undefined)).toEqual([
      true,
      true,
      false,
      false,
      true,
    ])
    expect(steps.map(({ plan }) => plan?.stall)).toEqual([0, 1, 2, 3, 4])
  })

  test("while stalled an action is sampled at the temperature for that, never below the episode's own", async () => {
    const temperatures: number[] = []
    const policy: Policy = {
      async act({ temperature }) {
        const text = temperatures.length < 3 ? 'do(action="Wait")' : 'exit(message="")'
        temperatures.push(temperature)
        const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
        return { ids, logprobs: new Float32Array(ids.length) }
      },
      release() {},
    }
    const guide = sgo(planner, checkerRater(oracle), { ...OPTIONS, stallTemperature: 1.5 })
    await play([], { guide, policy }).episode
    expect(temperatures).toEqual([1, 1, 1.5, 1.5])
  })

  test('with noise the belief is not what is true, and the same twice', async () => {
    const rates = { falseNegative: 0.5, falsePositive: 0.3 }
    const once = async () => {
      const guide = sgo(planner, checkerRater(noisyChecker(oracle, rates, 3)), OPTIONS)
      const { steps } = await play(expert, { guide }).episode
      return steps.map(({ plan }) => plan?.z.join(''))
    }
    const [a, b] = [await once(), await once()]
    expect(a).toEqual(b)
    const exact = sgo(planner, checkerRater(oracle), OPTIONS)
    const { steps } = await play(expert, { guide: exact }).episode
    expect(a).not.toEqual(steps.map(({ plan }) => plan?.z.join('')))
  })

  test('the exit is never held back by an open milestone', async () => {
    const guide = sgo(planner, checkerRater(oracle), OPTIONS)
    const { end, steps } = await play(['exit(message="done")'], { guide }).episode
    expect(end).toBe('exit')
    expect(steps[0]?.plan?.z).toContain(0)
  })

  test('plans survive the journal; a plain episode has none', async () => {
    const guide = sgo(planner, checkerRater(oracle), OPTIONS)
    const episode = await play(expert, { guide }).episode
    const line = decodeLine(JSON.parse(JSON.stringify(encodeEpisode(episode))), 'test')
    expect(line.kind === 'episode' && line.episode.steps.map(({ plan }) => plan)).toEqual(
      episode.steps.map(({ plan }) => plan),
    )
    const plain = await play(expert, {}).episode
    expect(plain.steps.some((step) => 'plan' in step || 'said' in step)).toBe(false)
  })
})

describe('with a planner that words and revises', () => {
  const took = { ...NOTHING, calls: 1, inputTokens: 100, outputTokens: 10, cost: 0.01, seconds: 2 }
  const plan: Planner['plan'] = async () => ({ milestones: ['a', 'b'], spent: took })
  const stuckRater: Rater = {
    rate: async (_, { milestones }) => ({
      achieved: Uint8Array.from(milestones, (m) => (m === 'a' ? 1 : 0)),
      spent: took,
    }),
  }
  const waits = Array.from({ length: 14 }, (_, i) => `do(action="Click", element="${i}")`)

  test('after N steps without progress the undone milestones are replaced, at most so often', async () => {
    const asked: string[][] = []
    const planner: Planner = {
      plan,
      async revise(_, list) {
        asked.push([...list.milestones])
        return { milestones: [`c${asked.length}`], spent: took }
      },
    }
    const guide = sgo(planner, stuckRater, { ...OPTIONS, replanAfter: 3 })
    const { episode, policy } = play([...waits, 'exit(message="")'], { guide })
    const { steps } = await episode
    expect(asked).toEqual([
      ['a', 'b'],
      ['a', 'c1'],
    ])
    expect(steps.flatMap(({ plan }, t) => (plan?.revised ? [t] : []))).toEqual([3, 6])
    expect(policy.prompts.map(goalIn).slice(0, 8)).toEqual(['b', 'b', 'b', 'c1', 'c1', 'c1', 'c2', 'c2'])
    expect(steps[3]?.plan).toMatchObject({ milestones: ['a', 'c1'], z: [1, 0], stall: 0 })
    // The plan of the first step, a rating of every step, a revision.
    expect(steps.map(({ plan }) => plan?.spent.calls).slice(0, 4)).toEqual([2, 1, 1, 2])
    expect(steps[3]?.plan?.spent).toMatchObject({ inputTokens: 200, cost: 0.02, seconds: 4 })
  })

  test('what the planner says next is kept, but not what was about the old plan', async () => {
    const rater: Rater = {
      rate: async (v, l, t) => ({ ...(await stuckRater.rate(v, l, t)), next: 'old', note: 'n' }),
    }
    const planner: Planner = { plan, revise: async () => ({ milestones: ['c'], spent: took }) }
    const guide = sgo(planner, rater, { ...OPTIONS, replanAfter: 2 })
    const { steps } = await play(waits.slice(0, 4).concat('exit(message="")'), { guide }).episode
    expect(steps.map(({ plan }) => plan?.next).slice(0, 4)).toEqual(['old', 'old', undefined, 'old'])
    const apart: Planner = { plan, next: async (_, __, target) => ({ next: `aim ${target}`, spent: took }) }
    const second = await play(waits.slice(0, 1).concat('exit(message="")'), {
      guide: sgo(apart, stuckRater, OPTIONS),
    }).episode
    expect(second.steps.map(({ plan }) => plan?.next)).toEqual(['aim 1', 'aim 1'])
  })

  test.each(['LLM_MALFORMED', 'LLM_REFUSED'] as const)(
    '%s of the rater: belief stays, the episode goes on',
    async (code) => {
      let calls = 0
      const rater: Rater = {
        rate: async (v, l, t) => {
          if (++calls > 1) throw new LanguageModelError(code, 'it said nothing of use')
          return stuckRater.rate(v, l, t)
        },
      }
      const { end, steps } = await play(waits.slice(0, 2).concat('exit(message="")'), {
        guide: sgo({ plan }, rater, OPTIONS),
      }).episode
      expect(end).toBe('exit')
      expect(steps.map(({ plan }) => [plan?.z.join(''), plan?.problem])).toEqual([
        ['10', undefined],
        ['10', 'it said nothing of use'],
        ['10', 'it said nothing of use'],
      ])
    },
  )

  test('a planner that gives no checklist leaves a plain agent', async () => {
    const none: Planner = { plan: () => Promise.reject(new LanguageModelError('LLM_REFUSED', 'withheld')) }
    const { episode, policy } = play(expert, { guide: sgo(none, stuckRater, OPTIONS) })
    const { judgement, steps } = await episode
    expect(judgement.score).toBe(1)
    expect(policy.prompts.map(goalIn)).toEqual(expert.map(() => undefined))
    expect(steps[0]?.plan).toMatchObject({ milestones: [], z: [], problem: 'withheld' })
  })

  test("any other failure of the planner is the environment's", async () => {
    const broken: Planner = { plan: () => Promise.reject(new LanguageModelError('LLM_SERVER', 'down')) }
    await expect(play(expert, { guide: sgo(broken, stuckRater, OPTIONS) }).episode).rejects.toThrow('down')
  })

  test('rated once more at the end where that is asked for, with the answer', async () => {
    const seen: GuideView[] = []
    const rater: Rater = {
      rate: async (view, l, t) => {
        seen.push(view)
        return stuckRater.rate(view, l, t)
      },
    }
    const events: Guidance[] = []
    const guide = sgo({ plan }, rater, { ...OPTIONS, rateEnd: true })
    const { steps } = await play(['exit(message="42")'], { guide }, (event) => {
      if (event.type === 'plan') events.push(event.guidance)
    }).episode
    expect(steps).toHaveLength(1)
    expect(seen.map(({ answer }) => answer)).toEqual([undefined, '42'])
    expect(events).toHaveLength(2)
  })
})
