/**
 * Demonstrations as an imperfect annotator would record them: the scripted expert, or one of the template's
 * systematic slips, played through a browser session and scored. Slips are choices, not noise, so that imitating
 * them leaves something for reinforcement learning to correct.
 */
import { evaluate } from '../tasks/evaluate.ts'
import type { Action } from '../web/action.ts'
import type { Addressing, Observation } from '../web/observation.ts'
import { byName } from '../web/resolve.ts'
import type { ActOutcome } from '../web/session.ts'
import type { EmbeddedTask, Slip, Template, WorldDriver, WorldSession } from './kit.ts'
import { createRng, hashUnit } from './rng.ts'
import { oracleReached } from './suite.ts'
import { createWorld } from './world.ts'

export interface DemonstrationStep {
  observation: Observation
  /** As the policy should say it: elements by id where the observation shows ids, else by name. */
  action: Action
  outcome: ActOutcome
  /** Milestones that held at some time up to and including this step, [4] of 0 or 1. */
  reached: Uint8Array
}

export interface Demonstration {
  task: EmbeddedTask
  kind: 'expert' | Slip['kind']
  steps: DemonstrationStep[]
  success: boolean
}

/** Probability that a template's demonstration is a slip: `share` of the templates gets `majority`. */
export interface SlipRates {
  share: number
  majority: number
  minority: number
}

export const DEFAULT_SLIP_RATES: SlipRates = { share: 0.5, majority: 0.65, minority: 0.3 }

/** Slip probability by template id; the two groups are drawn by a hash of the id and never change with the seed. */
export function slipRates(templates: Iterable<Template>, rates = DEFAULT_SLIP_RATES): Map<string, number> {
  const ids = [...new Set([...templates].map((template) => template.id))]
  ids.sort((a, b) => hashUnit(`slip/${a}`) - hashUnit(`slip/${b}`))
  return new Map(ids.map((id, i) => [id, i < ids.length * rates.share ? rates.majority : rates.minority]))
}

/** Plays fixed actions in a fresh session of the task. */
export async function play(
  driver: WorldDriver,
  task: EmbeddedTask,
  actions: readonly Action[],
  addressing: Addressing,
): Promise<{ steps: DemonstrationStep[]; success: boolean }> {
  const session = await driver.open(task.task, { addressing })
  try {
    return await playIn(session, task, actions, addressing)
  } finally {
    await session.close()
  }
}

async function playIn(
  session: WorldSession,
  task: EmbeddedTask,
  actions: readonly Action[],
  addressing: Addressing,
) {
  const steps: DemonstrationStep[] = []
  const reached = oracleReached(task, session.world, await session.snapshot())
  let answer: string | undefined
  for (const scripted of actions) {
    const observation = await session.observe()
    const action = addressing === 'id' ? byId(scripted, observation) : scripted
    const outcome = await session.act(action)
    if (action.kind === 'exit') answer = action.message
    const now = oracleReached(task, session.world, await session.snapshot(), answer)
    for (let i = 0; i < now.length; i++) reached[i] = Math.max(reached[i] ?? 0, now[i] ?? 0)
    steps.push({ observation, action, outcome, reached: reached.slice() })
    if (answer !== undefined) break
  }
  const { score } = await evaluate(task.task, { answer: answer ?? '', pages: session })
  return { steps, success: score === 1 && answer !== undefined }
}

/** The same action with the element's number in place of its name. */
function byId(action: Action, observation: Observation): Action {
  if (!('element' in action)) return action
  const element = byName(observation.elements, action.element)
  return element ? { ...action, element: String(element.id) } : action
}

export interface DemonstrateOptions {
  driver: WorldDriver
  tasks: Iterable<EmbeddedTask>
  addressing: Addressing
  /** Slip probability by template id, from slipRates; a template that is not in it never slips. */
  rates: ReadonlyMap<string, number>
  seed: number
  signal?: AbortSignal
}

/** One demonstration per task, in order. */
export async function* demonstrate(options: DemonstrateOptions): AsyncGenerator<Demonstration> {
  const { driver, addressing, rates } = options
  for (const task of options.tasks) {
    options.signal?.throwIfAborted()
    const rng = createRng(`demonstration/${options.seed}/${task.task.task_id}`)
    const world = createWorld(task.task.embedded?.world_seed ?? 0)
    const slips = rng.next() < (rates.get(task.template.id) ?? 0)
    // The first slip is the template's typical one; the others are rarer.
    const options_ = slips ? task.template.slips(world, task.params) : []
    const slip = options_.length > 1 && rng.next() < 0.25 ? rng.pick(options_.slice(1)) : options_[0]
    const actions = slip?.actions ?? task.template.expert(world, task.params)
    yield { task, kind: slip?.kind ?? 'expert', ...(await play(driver, task, actions, addressing)) }
  }
}
