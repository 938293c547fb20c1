/**
 * Failures with a known cause: scripted players of the embedded suite, each of which does the task as the expert
 * does up to some step and then goes wrong in one way. Knows nothing of the analyser: no code, threshold or text of
 * it is used here.
 */
import { judgeByEvaluation } from '../../../lib/agent/judge.ts'
import type { Episode, EpisodeEnd } from '../../../lib/agent/episode.ts'
import type { Step } from '../../../lib/agent/step.ts'
import { embeddedBackend } from '../../../lib/sites/backend.ts'
import { embeddedWeb } from '../../../lib/sites/embedded.ts'
import type { EmbeddedTask, Rng } from '../../../lib/sites/kit.ts'
import { createRng } from '../../../lib/sites/rng.ts'
import { oracleReached, taskFrom } from '../../../lib/sites/suite.ts'
import { createWorld } from '../../../lib/sites/world.ts'
import type { Action } from '../../../lib/web/action.ts'
import { formatAction } from '../../../lib/web/grammar.ts'
import { inProcessDriver } from '../../../lib/web/in-process.ts'
import type { Addressing, Observation, ObservedElement } from '../../../lib/web/observation.ts'

export type Letter = 'A' | 'B' | 'C' | 'D'

export interface Injected {
  episode: Episode
  cause: string
  class: Letter
  /** Step at which the player went wrong, from 1. */
  step: number
}

const NAMES = {
  A: 'wrong-termination',
  B: 'stuck-midway',
  C: 'fail-attempt',
  D: 'others',
} as const

/** The cause in the words of a diagnosis. */
export function labelOf({ class: letter, step }: Pick<Injected, 'class' | 'step'>) {
  return { class: NAMES[letter], keyStep: step }
}

/** What a player does at a step; undefined: it is stopped here. */
export type Player = (t: number, observation: Observation) => Action | undefined

export interface Conditions {
  addressing: Addressing
  horizon: number
  /** The harness stops an agent that says the same so often. */
  patience?: number
  /** The environment breaks before this step, from 0. */
  breaksAt?: number
  /** What the page says besides, at each step. */
  drift?: (t: number) => { text?: string; query?: string }
}

/** Plays and judges as a rollout does, without a model. */
export async function playOut(
  task: EmbeddedTask,
  player: Player,
  conditions: Conditions,
  id: string,
): Promise<Episode> {
  const driver = inProcessDriver(embeddedBackend(embeddedWeb))
  const session = await driver.open(task.task, { addressing: conditions.addressing })
  const steps: Step[] = []
  let end: EpisodeEnd = 'horizon'
  let answer: string | undefined
  while (steps.length < conditions.horizon) {
    if (steps.length === conditions.breaksAt) {
      end = 'error'
      break
    }
    const observation = await session.observe()
    const planned = player(steps.length, observation)
    if (!planned) break
    const action = conditions.addressing === 'id' ? numbered(planned, observation) : planned
    if (action.kind === 'exit') answer = action.message
    const outcome = action.kind === 'exit' ? ({ ok: true } as const) : await session.act(action)
    const { text = '', query = '' } = conditions.drift?.(steps.length) ?? {}
    steps.push({
      promptIds: new Int32Array(),
      actionIds: new Int32Array(),
      logprobs: new Float32Array(),
      actionText: formatAction(action),
      action,
      url: `${observation.url}${query}`,
      pageText: `${text}${observation.text}`,
      ...(outcome.ok ? {} : { error: outcome.error }),
      reached: oracleReached(task, session.world, await session.snapshot(), answer),
    })
    if (answer !== undefined) {
      end = 'exit'
      break
    }
    const said = steps
      .slice(-(conditions.patience ?? Number.POSITIVE_INFINITY))
      .map((step) => step.actionText)
    if (said.length === conditions.patience && new Set(said).size === 1) {
      end = 'stuck'
      break
    }
  }
  const judgement =
    end === 'error' ? { score: 0, details: [] } : await judgeByEvaluation(task.task, session, answer)
  await session.close()
  return {
    id,
    task: task.task,
    phase: 0,
    seed: 0n,
    temperature: 0,
    steps,
    end,
    ...(answer === undefined ? {} : { answer }),
    judgement,
    seconds: 0,
  }
}

function numbered(action: Action, { elements }: Observation): Action {
  if (!('element' in action)) return action
  const found = elements.find(({ name }) => name === action.element)
  return found ? { ...action, element: String(found.id) } : action
}

export const expertOf = ({ task, template, params }: EmbeddedTask): Action[] =>
  template.expert(createWorld(task.embedded?.world_seed ?? 0), params)

const linksOf = ({ elements }: Observation): ObservedElement[] =>
  elements.filter(({ kind, name }) => kind === 'link' && name !== '')
const click = (element: string): Action => ({ kind: 'click', element })
const exit = (message: string): Action => ({ kind: 'exit', message })

/** A link that the expert does not take here. */
function wrongLink(observation: Observation, rng: Rng, expert: readonly Action[]): Action {
  const right = new Set(expert.flatMap((action) => ('element' in action ? [action.element] : [])))
  const wrong = linksOf(observation).filter(({ name }) => !right.has(name))
  return wrong.length > 0 ? click(rng.pick(wrong).name) : { kind: 'go_backward' }
}

interface Plan {
  class: Letter
  /** From 0. */
  step: number
  player: Player
  conditions?: Partial<Conditions>
}

/** Each makes a way of failing for this task; undefined where the task does not lend itself to it. */
const CAUSES: Record<string, (expert: Action[], rng: Rng, task: EmbeddedTask) => Plan | undefined> = {
  loop(expert, rng) {
    const step = 1 + rng.int(Math.max(1, expert.length - 2))
    const period = 1 + rng.int(5)
    let body: Action[] | undefined
    return {
      class: 'B',
      step,
      conditions: { horizon: step + 3 * period + rng.int(4) },
      player(t, observation) {
        if (t < step) return expert[t]
        if (!body) {
          const links = rng.shuffle(linksOf(observation).filter(({ name }) => NAVIGATION.has(name)))
          const first = links[0]
          if (period === 1) body = [click(rng.next() < 0.5 ? 'apply now' : (first?.name ?? 'apply now'))]
          else if (period === 2) body = [click(first?.name ?? 'home'), { kind: 'go_backward' }]
          else body = links.slice(0, period).map(({ name }) => click(name))
        }
        return body[(t - step) % body.length]
      },
    }
  },
  'loop over own steps'(expert, rng, { task }) {
    const kind = rng.pick(['again', 'there and back', 'from the start'])
    if (expert.length < 4) return undefined
    const step =
      kind === 'from the start' ? 2 + rng.int(Math.min(3, expert.length - 3)) : 1 + rng.int(expert.length - 2)
    const last = expert[step - 1] as Action
    const next = expert[step] as Action
    if (next.kind !== 'click' || (kind === 'from the start' && step > 4)) return undefined
    const body: Action[] =
      kind === 'again'
        ? [last]
        : kind === 'there and back'
          ? [next, { kind: 'go_backward' }]
          : [startOf(task), ...expert.slice(0, step)]
    return {
      class: 'B',
      step,
      conditions: { horizon: step + 3 * body.length + rng.int(3) },
      player: (t) => (t < step ? expert[t] : body[(t - step) % body.length]),
    }
  },
  'wrong page exit'(expert, rng) {
    if (expert.length < 4) return undefined
    const step = 1 + rng.int(expert.length - 2)
    return {
      class: 'A',
      step,
      player(t, observation) {
        if (t < step) return expert[t]
        return t === step ? wrongLink(observation, rng, expert) : exit('done')
      },
    }
  },
  'wrong answer'(expert, rng) {
    return {
      class: 'A',
      step: expert.length - 1,
      player(t, observation) {
        if (t < expert.length - 1) return expert[t]
        const right = expert.at(-1)
        const names = linksOf(observation).map(({ name }) => name)
        const wrong = names.filter((name) => right?.kind !== 'exit' || right.message !== name)
        return exit(wrong.length > 0 ? rng.pick(wrong) : 'nothing')
      },
    }
  },
  slip(_, rng, { task, template, params }) {
    const slips = template.slips(createWorld(task.embedded?.world_seed ?? 0), params)
    const { actions } = rng.pick(slips)
    return { class: 'A', step: Math.max(0, actions.length - 2), player: (t) => actions[t] }
  },
  'early exit'(expert, rng) {
    const step = 1 + rng.int(Math.max(1, expert.length - 3))
    return { class: 'A', step, player: (t) => (t < step ? expert[t] : exit('done')) }
  },
  'immediate exit'(_, rng) {
    const message = rng.pick(['', 'done', 'I cannot do this'])
    return { class: 'C', step: 0, player: () => exit(message) }
  },
  'distraction, then wandering'(expert, rng) {
    if (expert.length < 4) return undefined
    const step = 1 + rng.int(expert.length - 2)
    return {
      class: 'D',
      step,
      player: aimless(step, rng, expert),
    }
  },
  'nonsensical start'(expert, rng) {
    return { class: 'C', step: 0, player: aimless(0, rng, expert) }
  },
  'detour, later distraction'(expert, rng) {
    if (expert.length < 5) return undefined
    const detour = 1 + rng.int(2)
    // At least one more right step shows that the detour did no harm.
    const step = 3 + detour + rng.int(Math.max(1, expert.length - 2 - detour))
    if (step - 2 > expert.length - 2) return undefined
    const walk = aimless(step, rng, expert)
    return {
      class: 'D',
      step,
      player(t, observation) {
        if (t < detour) return expert[t]
        if (t === detour) return wrongLink(observation, rng, expert)
        if (t === detour + 1) return { kind: 'go_backward' }
        return t < step ? expert[t - 2] : walk(t, observation)
      },
    }
  },
  'never exits on the right page'(expert, rng) {
    const step = expert.length - 1
    const idle = rng.shuffle<Action>([
      { kind: 'scroll_down' },
      { kind: 'wait' },
      { kind: 'scroll_up' },
      { kind: 'scroll_down' },
    ])
    return {
      class: 'C',
      step,
      conditions: { horizon: step + 1 + rng.int(4) },
      player: (t) => (t < step ? expert[t] : idle[t - step]),
    }
  },
  'environment error'(expert, rng) {
    const breaksAt = 1 + rng.int(expert.length - 1)
    return { class: 'D', step: breaksAt, conditions: { breaksAt }, player: (t) => expert[t] }
  },
}

const startOf = ({ start_url }: EmbeddedTask['task']): Action => ({ kind: 'goto', url: start_url })

const NAVIGATION = new Set([
  'shop',
  'cart',
  'orders',
  'wishes',
  'account',
  'home',
  'admin',
  'forum',
  'code',
  'map',
])

/** The expert up to a step, then random links and now and then back: no plan, no fixed round, nothing twice in a row. */
function aimless(from: number, rng: Rng, expert: readonly Action[]): Player {
  let before: Action | undefined
  return (t, observation) => {
    if (t < from) return expert[t]
    let chosen: Action
    let tries = 0
    do {
      chosen = rng.next() < 0.12 ? { kind: 'go_backward' } : wrongLink(observation, rng, expert)
    } while (before && formatAction(chosen) === formatAction(before) && tries++ < 20)
    before = chosen
    return chosen
  }
}

export const CAUSE_NAMES = Object.keys(CAUSES)

/** `count` failures, causes and templates in turn; what happens to succeed is no failure and is drawn again. */
export async function injectedFailures(count: number, seed: number): Promise<Injected[]> {
  const rng = createRng(`injected/${seed}`)
  const templates = [...embeddedWeb.templates.values()]
  const found: Injected[] = []
  for (let draw = 0; found.length < count; draw++) {
    const cause = CAUSE_NAMES[found.length % CAUSE_NAMES.length] as string
    const own = rng.fork(String(draw))
    const task = taskFrom(own.pick(templates), own.int(2 ** 31))
    const expert = expertOf(task)
    const plan = CAUSES[cause]?.(expert, own, task)
    if (!plan) continue
    const conditions: Conditions = {
      addressing: own.next() < 0.5 ? 'id' : 'name',
      horizon: 15,
      patience: 3,
      ...plan.conditions,
    }
    if (plan.step > conditions.horizon - 2) continue
    const episode = await playOut(task, plan.player, conditions, `injected-${found.length}`)
    if (episode.judgement.score >= 1) continue
    // What was drawn must have happened: some paths end on pages without a link to go wrong by.
    if (episode.end !== 'error' && episode.steps.length <= plan.step) continue
    // The harness may stop a player before it comes to its exit.
    if (plan.class === 'A' && episode.end !== 'exit') continue
    found.push({ episode, cause, class: plan.class, step: plan.step + 1 })
  }
  return found
}
