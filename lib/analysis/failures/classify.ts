/**
 * The rules in their strict order (paper Table 1): the environment's own failures first, then wrong termination,
 * stuck midway, fail attempt, others. Each verdict names the rule, and the key step with what it was found by.
 */
import { align, type Alignment, divergence } from './align.ts'
import { isIdle, looseActionKey, valueNames } from './actions.ts'
import type { FailureClass, FailureRule, FailureTrace, KeyStepBasis } from './diagnosis.ts'
import { finishedAfter } from './finish.ts'
import { brokenAt } from './infrastructure.ts'
import { findLoop, lastRepeated, type Loop, type LoopView } from './loops.ts'
import { stateIds } from './pages.ts'
import { lastGain, type Path, pathOf } from './path.ts'
import type { Reference } from './references.ts'
import type { FailureSettings } from './settings.ts'

export interface Verdict {
  class: FailureClass
  rule: FailureRule
  /** From 0; undefined where nothing says which. */
  keyStep: number | undefined
  basis: KeyStepBasis
  loop?: Loop
  /** Of the environment's failure. */
  sign?: string
  /** Name of the reference that fits best. */
  reference?: string
}

interface Compared {
  /** Of the reference. */
  name: string
  path: Path
  alignment: Alignment
  /** First significant divergence, from 0. */
  divergence: number
  of: Reference['of']
}

export function classify(
  trace: FailureTrace,
  references: readonly Reference[],
  settings: FailureSettings,
): Verdict {
  const path = pathOf(trace.steps)
  const compared = closest(trace, path, references, settings)
  const named = compared ? { reference: compared.name } : {}
  return { ...decide(trace, path, compared, settings), ...named }
}

function decide(
  trace: FailureTrace,
  path: Path,
  compared: Compared | undefined,
  settings: FailureSettings,
): Verdict {
  const last = trace.steps.length - 1
  const broken = brokenAt(trace)
  if (broken) {
    const keyStep = last < 0 ? undefined : broken.step
    return { class: 'others', rule: 'infrastructure', keyStep, basis: 'end', sign: broken.sign }
  }
  if (last < 0) return { class: 'others', rule: 'unresolved', keyStep: undefined, basis: 'none' }
  const left = trace.steps[last]?.action.kind === 'exit' || trace.end === 'exit'
  if (left || trace.end === 'environment') return ended(trace, path, compared, left, settings)

  const finished = finishedAfter(path, compared, settings.pageSimilarity)
  const loop = stuckIn(trace, path, compared, settings)
  const finishedFirst = loop !== undefined && finished !== undefined && loop.start > finished
  const idle = loop && trace.steps.slice(loop.start, loop.end).every(({ action }) => isIdle(action))
  if (loop && !(settings.idleWhenFinished && finishedFirst && idle)) {
    return { class: 'stuck-midway', rule: loop.rule, keyStep: loop.start, basis: 'loop', loop }
  }
  if (finished !== undefined) {
    const keyStep = Math.min(last, finished + 1)
    const basis = compared ? 'reference' : 'milestones'
    return { class: 'fail-attempt', rule: 'finished-without-exit', keyStep, basis }
  }
  const attempted = trace.steps.some(({ action }) => action.kind !== 'invalid')
  if (!attempted) return { class: 'fail-attempt', rule: 'distracted-start', keyStep: 0, basis: 'end' }
  if (compared && !relevant(trace, path, compared, last + 1)) {
    return { class: 'fail-attempt', rule: 'distracted-start', keyStep: 0, basis: 'reference' }
  }
  return { class: 'others', rule: 'unresolved', ...parting(path, compared) }
}

/** The agent, or the environment on what the agent did, has ended the episode, and it was wrong. */
function ended(
  trace: FailureTrace,
  path: Path,
  compared: Compared | undefined,
  left: boolean,
  settings: FailureSettings,
): Verdict {
  const last = trace.steps.length - 1
  if (left && last < settings.earlySteps && !relevant(trace, path, compared, last)) {
    return { class: 'fail-attempt', rule: 'immediate-exit', keyStep: 0, basis: 'claim' }
  }
  // The paper's mark: the last action before the claim. An environment that ends by itself takes an action for one.
  const keyStep = left ? Math.max(0, last - 1) : last
  return { class: 'wrong-termination', rule: 'false-claim', keyStep, basis: 'claim' }
}

/** The loop that the episode ended in, counted from where it really began; undefined where it is no more than chance. */
function stuckIn(
  trace: FailureTrace,
  path: Path,
  compared: Compared | undefined,
  settings: FailureSettings,
): Loop | undefined {
  const states = stateIds(
    path.steps.map(({ page }) => page),
    settings.pageSimilarity,
  )
  const actions = path.steps.map(({ key }) => looseActionKey(key))
  const view = { states, actions }
  const found = longer(findLoop(view, settings), withoutIdling(trace, view, settings))
  // A harness that counts texts also stops an agent for taking element 7 of three different pages.
  const repeated = trace.end === 'stuck' ? lastRepeated(actions) : undefined
  const loop = found ?? (repeated && repeated.repeats > 1 ? repeated : undefined)
  if (!loop) return undefined
  const lost = compared ? trace.steps.length - compared.divergence : 0
  if (!dominates(loop, lost, settings)) return undefined
  const gain = lastGain(path)
  const met = compared?.alignment.pairs.at(-1)?.step ?? -1
  if (Math.max(gain, met) >= loop.end) return undefined
  return { ...loop, start: Math.min(loop.end - 1, entry(loop, gain, compared)) }
}

/** A round that can be named says more than that nothing was new. */
function longer(a: Loop | undefined, b: Loop | undefined): Loop | undefined {
  if (!a || !b) return a ?? b
  if ((a.period === 0) !== (b.period === 0)) return a.period === 0 ? b : a
  return b.end - b.start > a.end - a.start ? b : a
}

/** The loop of an agent that now and then scrolls or waits in between. */
function withoutIdling(
  { steps }: FailureTrace,
  { states, actions }: LoopView,
  settings: FailureSettings,
): Loop | undefined {
  const busy = steps.flatMap(({ action }, t) => (isIdle(action) ? [] : [t]))
  if (busy.length === steps.length) return undefined
  const loop = findLoop(
    { states: busy.map((t) => states[t] as number), actions: busy.map((t) => actions[t] as string) },
    settings,
  )
  if (!loop) return undefined
  return { ...loop, start: busy[loop.start] as number, end: (busy[loop.end - 1] as number) + 1 }
}

/**
 * A few repetitions also come about by chance at the end of a long aimless walk; then they have to be half of what
 * the episode did since it left the way.
 */
function dominates({ start, end, repeats, period }: Loop, lost: number, settings: FailureSettings): boolean {
  const length = end - start
  const clear = length >= settings.identicalActions && (period === 0 || repeats >= settings.cycleRepeats)
  return clear || 2 * length >= lost
}

/** A first round that still follows the reference, or still brings milestones, is not yet the loop. */
function entry({ start, end, period }: Loop, gain: number, compared: Compared | undefined): number {
  const round = start + (period === 0 ? end - start : period)
  if (!compared) return gain >= start && gain < round ? gain + 1 : start
  const followed = new Set(compared.alignment.pairs.map(({ step }) => step))
  for (let t = start; t <= round; t++) if (!followed.has(t)) return t
  return start
}

/** Whether anything before step `until` belongs to the task. */
function relevant(
  { task, steps }: FailureTrace,
  path: Path,
  compared: Compared | undefined,
  until: number,
): boolean {
  if (compared) {
    const { alignment, path: solution } = compared
    return alignment.pairs.some(
      ({ step, reference }) => step < until && solution.steps[reference]?.kind !== 'exit',
    )
  }
  const gain = lastGain(path)
  if (gain >= 0 && gain < until) return true
  // Without anything to compare with: names something that the instruction names, and it worked.
  const intent = wordsOf(task.intent)
  return steps
    .slice(0, until)
    .some(
      ({ error }, t) =>
        error === undefined && wordsOf(path.steps[t]?.key ?? '').some((w) => intent.includes(w)),
    )
}

/** Where the episode left the way. */
function parting(path: Path, compared: Compared | undefined): Pick<Verdict, 'keyStep' | 'basis'> {
  const last = path.steps.length - 1
  if (compared) return { keyStep: Math.min(last, compared.divergence), basis: 'reference' }
  if (path.milestones > 0) return { keyStep: Math.min(last, lastGain(path) + 1), basis: 'milestones' }
  return { keyStep: undefined, basis: 'none' }
}

/** The reference that the episode follows furthest; of equals the first. */
function closest(
  trace: FailureTrace,
  path: Path,
  references: readonly Reference[],
  { pageSimilarity }: FailureSettings,
): Compared | undefined {
  const general = references.some(({ of }) => of === 'template')
    ? pathOf(trace.steps, valueNames(trace.task.instantiation_dict))
    : path
  let best: Compared | undefined
  for (const { name, of, path: other } of references) {
    const own = of === 'template' ? general : path
    const alignment = align(own, other, pageSimilarity)
    if (best && alignment.score <= best.alignment.score) continue
    best = { name, of, path: other, alignment, divergence: divergence(own, other, alignment) }
  }
  return best
}

const SHORTEST_WORD = 4

function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .match(/[\p{L}\d]+/gu)
      ?.filter((word) => word.length >= SHORTEST_WORD) ?? []
  )
}
