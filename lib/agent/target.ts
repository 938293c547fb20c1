/**
 * targetOf: which milestone the next action aims at, or none. A pure function of the checklist and the last steps.
 * Aiming at what cannot be reached from here makes a greedy policy repeat itself, so what to do when an agent is
 * stalled is part of the rule.
 */
import type { Checklist } from './checklist.ts'
import type { Step } from './step.ts'

export interface TargetOptions {
  /**
   * first-undone: the first milestone not reached (paper Fig. 9); after-highest: the first one behind the last that
   * is, since a rater that missed one should not send the agent back.
   */
  aim: 'first-undone' | 'after-highest'
  /** drop: no target while stalled; next: the undone milestone after it; keep: the same. */
  onStall: 'keep' | 'drop' | 'next'
  /** Stalled are the steps whose last so many actions are one text; 0 = never. */
  repeats: number
  /** ... whose last so many actions could not be carried out; 0 = never. */
  failures: number
  /** ... that saw one and the same page so many times in a row; 0 = never. */
  samePage: number
  /** ... for so many of which no milestone was reached; 0 = never. */
  unmoved: number
}

export type RecentStep = Pick<Step, 'actionText' | 'error' | 'url' | 'pageText'>

/** @returns index of a milestone, or undefined when all are reached or nothing is aimed at */
export function targetOf(
  list: Checklist,
  recentSteps: readonly RecentStep[],
  options: TargetOptions,
): number | undefined {
  const aimed = firstTarget(list, options.aim)
  if (aimed === undefined || options.onStall === 'keep' || !isStalled(list, recentSteps, options))
    return aimed
  if (options.onStall === 'drop') return undefined
  return undoneFrom(list, aimed + 1) ?? aimed
}

/** The agent goes round in circles or gets nowhere, by any of the signs that the options name. */
export function isStalled(
  { stall }: Pick<Checklist, 'stall'>,
  steps: readonly RecentStep[],
  { repeats, failures, samePage, unmoved }: TargetOptions,
): boolean {
  const last = steps.at(-1)
  if (last === undefined) return false
  return (
    allOfLast(steps, repeats, (step) => step.actionText === last.actionText) ||
    allOfLast(steps, failures, (step) => step.error !== undefined) ||
    allOfLast(steps, samePage, (step) => step.url === last.url && step.pageText === last.pageText) ||
    (unmoved > 0 && stall >= unmoved)
  )
}

function firstTarget(list: Checklist, aim: TargetOptions['aim']): number | undefined {
  const from = aim === 'after-highest' ? list.z.lastIndexOf(1) + 1 : 0
  return undoneFrom(list, from) ?? undoneFrom(list, 0)
}

function undoneFrom({ z }: Checklist, from: number): number | undefined {
  const at = z.indexOf(0, from)
  return at < 0 ? undefined : at
}

function allOfLast(steps: readonly RecentStep[], n: number, holds: (step: RecentStep) => boolean): boolean {
  return n > 0 && steps.length >= n && steps.slice(-n).every(holds)
}
