/**
 * Whether an episode got stuck: the same last actions, a short cycle of (page, action) walked again and again, or
 * nothing new for long; and the step by which it entered. Knows no task, milestone or reference.
 */
import type { FailureSettings } from './settings.ts'

export interface Loop {
  rule: 'repeated-action' | 'cycle' | 'stagnation'
  /** First step of the first round, from 0. */
  start: number
  /** Behind the last step of the last round. */
  end: number
  /** Steps of one round; 0 where there is no fixed round. */
  period: number
  /** Whole rounds. */
  repeats: number
}

/** An episode as two rows of names, [T] each: equal names are equal pages, equal actions. */
export interface LoopView {
  states: readonly number[]
  actions: readonly string[]
}

/** Steps behind a loop that do not make it a thing of the past. */
const TAIL = 1

/** The loop that the episode did not get out of, if there is one; of several the one that covers most. */
export function findLoop(view: LoopView, settings: FailureSettings): Loop | undefined {
  const { states, actions } = view
  const steps = actions.length
  const pairs = actions.map((action, t) => `${states[t]} ${action}`)
  const candidates: Loop[] = []
  for (let period = 1; period <= Math.min(settings.longestCycle, Math.floor(steps / 2)); period++) {
    const needed = period < 3 ? settings.cycleRepeats : settings.longCycleRepeats
    for (const { start, end } of runs(pairs, period)) {
      const repeats = Math.floor((end - start) / period)
      if (repeats < needed || !lasting(start, end, steps)) continue
      candidates.push({ rule: 'cycle', start: entered(start, period, actions), end, period, repeats })
    }
    // Pages may change under an agent that does not; then it has to insist more.
    for (const { start, end } of runs(actions, period)) {
      const repeats = Math.floor((end - start) / period)
      const insists = period === 1 ? end - start >= settings.identicalActions : repeats >= needed
      if (!insists || steps - end > TAIL) continue
      candidates.push({ rule: period === 1 ? 'repeated-action' : 'cycle', start, end, period, repeats })
    }
  }
  const [best] = candidates.sort(
    (a, b) => b.end - b.start - (a.end - a.start) || a.period - b.period || order(a.rule) - order(b.rule),
  )
  return best ?? stagnation(pairs, settings.stagnantSteps)
}

/** What a harness calls stuck: the last action and its equals before it. */
export function lastRepeated(actions: readonly string[]): Loop {
  const last = actions.at(-1)
  let start = actions.length
  while (start > 0 && actions[start - 1] === last) start--
  return { rule: 'repeated-action', start, end: actions.length, period: 1, repeats: actions.length - start }
}

/** Stretches in which everything comes back after `period` steps, whole and as long as they go. */
function runs(symbols: readonly string[], period: number): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = []
  for (let t = 0; t + period < symbols.length; t++) {
    if (symbols[t] !== symbols[t + period]) continue
    const start = t
    while (t + period < symbols.length && symbols[t] === symbols[t + period]) t++
    found.push({ start, end: t + period })
  }
  return found
}

/** Goes on to the end, or takes up most of what is left of the episode. */
function lasting(start: number, end: number, steps: number): boolean {
  return steps - end <= TAIL || end - start > (steps - start) / 2
}

/** The first round may begin on another page than the later ones: the way into the loop. At most one round back. */
function entered(start: number, period: number, actions: readonly string[]): number {
  let first = start
  while (first > 0 && start - first < period - 1 && actions[first - 1] === actions[first - 1 + period])
    first--
  // A single step has no round to belong to: only the step right before can be the way in.
  if (period <= 1 && first > 0 && actions[first - 1] === actions[first]) first--
  return first
}

/** A closed set of pages and actions without a fixed round: nothing in the last steps was new. */
function stagnation(pairs: readonly string[], window: number): Loop | undefined {
  const firstSeen = new Map<string, number>()
  pairs.forEach((pair, t) => {
    if (!firstSeen.has(pair)) firstSeen.set(pair, t)
  })
  const newest = Math.max(-1, ...firstSeen.values())
  if (pairs.length - newest - 1 < window) return undefined
  const recurrent = new Set(pairs.slice(newest + 1))
  let start = newest + 1
  while (start > 0 && recurrent.has(pairs[start - 1] as string)) start--
  return { rule: 'stagnation', start, end: pairs.length, period: 0, repeats: 0 }
}

function order(rule: Loop['rule']): number {
  return ['cycle', 'repeated-action', 'stagnation'].indexOf(rule)
}
