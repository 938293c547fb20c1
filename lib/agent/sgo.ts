/**
 * SGO (paper 5.2): a checklist at the start, and at each step the three questions: what has been achieved, is the
 * current milestone done, what comes next. Works around any policy and with any planner and rater (sgo-model.ts,
 * sgo-oracle.ts); here is only the order of things and the belief that is carried.
 */
import { LanguageModelError } from '../llm/errors.ts'
import { believe, type Checklist, newChecklist, revise } from './checklist.ts'
import type { EpisodeGuide, Guidance, Guide, GuideView, PlanStep } from './guide.ts'
import { NOTHING, type Spent, sumSpent } from './spent.ts'
import { isStalled, type TargetOptions, targetOf } from './target.ts'

export interface Rating {
  /** Verdicts on the milestones at this moment, [K] of 0/1. */
  achieved: Uint8Array
  /** What to achieve next, where the rater plans too. */
  next?: string
  note?: string
  spent: Spent
}

/** Answers the first two questions, and the third where it is the planner too. */
export interface Rater {
  rate(view: GuideView, list: Checklist, target: number | undefined): Promise<Rating>
}

export interface Planner {
  /** Milestones of a task from its first page. */
  plan(view: GuideView): Promise<{ milestones: readonly string[]; spent: Spent }>
  /** What to achieve next; absent: the milestone's own text says it, or the rater did. */
  next?(
    view: GuideView,
    list: Checklist,
    target: number | undefined,
  ): Promise<{ next: string; note?: string; spent: Spent }>
  /** Other milestones in place of those not reached, for an agent that makes no progress; absent: it has no others. */
  revise?(view: GuideView, list: Checklist): Promise<{ milestones: readonly string[]; spent: Spent }>
}

export interface SgoOptions {
  target: TargetOptions
  /** A milestone once reached stays reached. */
  monotone: boolean
  /** Steps without progress after which the planner is asked for another plan; 0 = never. */
  replanAfter: number
  /** Other plans per episode at most. */
  maxReplans: number
  /** Temperature at least of an action while stalled: what a greedy policy just did, it would do again; 0 = its own. */
  stallTemperature: number
  /** Rate once more when the episode is over. */
  rateEnd?: boolean
}

export function sgo(planner: Planner, rater: Rater, options: SgoOptions): Guide {
  return {
    begin: () => new SgoEpisode(planner, rater, options),
    ...(options.rateEnd ? { rateEnd: true } : {}),
  }
}

class SgoEpisode implements EpisodeGuide {
  readonly #planner: Planner
  readonly #rater: Rater
  readonly #options: SgoOptions
  #list: Checklist | undefined
  #target: number | undefined

  constructor(planner: Planner, rater: Rater, options: SgoOptions) {
    this.#planner = planner
    this.#rater = rater
    this.#options = options
  }

  async next(view: GuideView): Promise<Guidance> {
    const turn = new Turn()
    const before = this.#list ?? newChecklist((await turn.ask(this.#planner.plan(view)))?.milestones ?? [])
    let list = before
    if (list.milestones.length > 0) {
      const aimed = this.#target ?? list.z.indexOf(0)
      const rating = await turn.ask(this.#rater.rate(view, list, aimed < 0 ? undefined : aimed))
      // Without a verdict nothing is known to have moved.
      list = believe(list, rating?.achieved ?? list.z, {
        monotone: this.#options.monotone,
        stepped: view.steps.length > 0,
      })
    }
    list = await this.#revised(view, list, turn)
    this.#list = list
    this.#target = targetOf(list, view.steps, this.#options.target)
    if (this.#planner.next && list.milestones.length > 0 && view.answer === undefined) {
      await turn.ask(this.#planner.next(view, list, this.#target))
    }
    return this.#guidance(list, isStalled(list, view.steps, this.#options.target), turn)
  }

  async #revised(view: GuideView, list: Checklist, turn: Turn): Promise<Checklist> {
    const { replanAfter, maxReplans } = this.#options
    const due = replanAfter > 0 && list.stall >= replanAfter && list.revisions < maxReplans
    if (!due || !this.#planner.revise || !list.z.includes(0) || view.answer !== undefined) return list
    const other = await turn.ask(this.#planner.revise(view, list))
    if (!other || other.milestones.length === 0) return list
    turn.revised = true
    // What the rater said to do next was about the old plan.
    turn.next = undefined
    return revise(list, other.milestones)
  }

  #guidance(list: Checklist, stalled: boolean, turn: Turn): Guidance {
    const target = this.#target
    const plan: PlanStep = {
      milestones: [...list.milestones],
      z: [...list.z],
      ...(target === undefined ? {} : { target }),
      ...(turn.next === undefined ? {} : { next: turn.next }),
      ...(turn.note === undefined ? {} : { note: turn.note }),
      stall: list.stall,
      ...(turn.revised ? { revised: true } : {}),
      ...(turn.problem === undefined ? {} : { problem: turn.problem }),
      spent: turn.spent,
    }
    const subgoal = target === undefined ? undefined : list.milestones[target]
    const temperature = stalled ? this.#options.stallTemperature : 0
    return {
      plan,
      ...(subgoal === undefined ? {} : { subgoal }),
      stalled,
      ...(temperature > 0 ? { temperature } : {}),
    }
  }
}

/** What one step's questions brought. */
class Turn {
  spent: Spent = NOTHING
  next: string | undefined
  note: string | undefined
  problem: string | undefined
  revised = false

  /**
   * The answer; undefined where a model withheld it or twice wrote what does not fit. That is no reason to end an
   * episode: the agent goes on with what was believed before. Any other failure is the environment's.
   */
  async ask<T extends { spent: Spent; next?: string; note?: string }>(
    work: Promise<T>,
  ): Promise<T | undefined> {
    try {
      const answer = await work
      this.spent = sumSpent([this.spent, answer.spent])
      this.next = answer.next ?? this.next
      this.note = answer.note ?? this.note
      return answer
    } catch (error) {
      if (!(error instanceof LanguageModelError) || !ANSWERLESS.has(error.code)) throw error
      this.problem = error.message
      return undefined
    }
  }
}

const ANSWERLESS = new Set(['LLM_MALFORMED', 'LLM_REFUSED'])
