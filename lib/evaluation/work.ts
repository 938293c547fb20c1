/** What language models took in an evaluation: those that guided the agent, and the one that was it. Pure. */
import type { Episode } from '../agent/episode.ts'
import { type Spent, sumSpent } from '../agent/spent.ts'
import type { ItemRecord } from './item.ts'

export interface Work {
  /** Of the episodes that are kept; tries that the environment broke are not among them. */
  spent: Spent
  /** Steps that it was spent on. */
  steps: number
  /** Means over steps: seconds, tokens of prompts and replies, US dollars (null where a price is missing). */
  perStep: { seconds: number; tokens: number; cost: number | null }
}

export interface PlanningWork extends Work {
  /** Checklists that were revised. */
  revised: number
  /** Steps without a verdict or a plan because the model gave none. */
  unanswered: number
  /** Milestones believed to be reached by the last step, as a share of all, averaged over episodes. */
  believed: number
}

export interface ModelWork {
  planning?: PlanningWork
  acting?: Work
}

export function workOf(records: Iterable<ItemRecord>): ModelWork {
  const episodes = Array.from(records).flatMap((record) =>
    record.kind === 'episode' ? [record.episode] : [],
  )
  const steps = episodes.flatMap((episode) => episode.steps)
  const plans = steps.flatMap(({ plan }) => (plan ? [plan] : []))
  const said = steps.flatMap((step) => (step.said ? [step.said.spent] : []))
  return {
    ...(plans.length === 0
      ? {}
      : {
          planning: {
            ...work(plans.map(({ spent }) => spent)),
            revised: plans.filter(({ revised }) => revised).length,
            unanswered: plans.filter(({ problem }) => problem !== undefined).length,
            believed: mean(episodes.flatMap(believedShare)),
          },
        }),
    ...(said.length === 0 ? {} : { acting: work(said) }),
  }
}

function work(all: readonly Spent[]): Work {
  const spent = sumSpent(all)
  const steps = all.length
  return {
    spent,
    steps,
    perStep: {
      seconds: spent.seconds / steps,
      tokens: (spent.inputTokens + spent.outputTokens) / steps,
      cost: spent.cost === null ? null : spent.cost / steps,
    },
  }
}

function believedShare({ steps }: Episode): number[] {
  const z = steps.at(-1)?.plan?.z ?? []
  return z.length === 0 ? [] : [mean(z)]
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Calls, tokens and dollars. */
export function spentLine(spent: Spent): string {
  const { calls, cached, inputTokens, outputTokens, thinkingTokens, cost } = spent
  const thought = thinkingTokens > 0 ? ` (${tokens(thinkingTokens)} thinking)` : ''
  return [
    `${calls} calls${cached > 0 ? ` and ${cached} from the cache` : ''}`,
    `${tokens(inputTokens)} tokens in, ${tokens(outputTokens)} out${thought}`,
    cost === null ? 'cost unknown' : dollars(cost),
  ].join('; ')
}

/** The same, and the means per step. */
export function workLine({ spent, perStep }: Work): string {
  return [
    spentLine(spent),
    `a step ${perStep.seconds.toFixed(2)} s, ${tokens(perStep.tokens)} tokens${perStep.cost === null ? '' : `, ${dollars(perStep.cost)}`}`,
  ].join('; ')
}

export function tokens(count: number): string {
  return count < 1000 ? String(Math.round(count)) : `${(count / 1000).toFixed(1)}k`
}

export function dollars(cost: number): string {
  return `$${cost.toFixed(cost < 1 ? 4 : 2)}`
}
