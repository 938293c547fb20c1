/**
 * When an episode ends although the agent never said so, and what the published harness then takes as its answer.
 * Pure: steps in, an end out.
 */
import type { EpisodeEnd } from './episode.ts'
import type { Step } from './step.ts'

export interface EpisodeLimits {
  /** Steps at most, the exit included. */
  horizon: number
  /** The same action text this many times in a row ends the episode as stuck; 0 = never. */
  stuckRepeats: number
  /** This many texts in a row that are no action end the episode as invalid; absent or 0 = never. */
  invalidRepeats?: number
}

/** How the steps so far end the episode, if they do; asked after every step that is no exit. */
export function endOf(steps: readonly Step[], limits: EpisodeLimits): EpisodeEnd | undefined {
  const action = steps.at(-1)?.action
  if (action?.kind === 'invalid' && action.crash) return 'invalid'
  if (lastAll(steps, limits.invalidRepeats ?? 0, (step) => step.action.kind === 'invalid')) return 'invalid'
  const text = steps.at(-1)?.actionText
  if (lastAll(steps, limits.stuckRepeats, (step) => step.actionText === text)) return 'stuck'
  return steps.length >= limits.horizon ? 'horizon' : undefined
}

/**
 * What VisualAgentBench's harness puts in place of an answer when it stops an agent, and then scores as any other
 * (new/run.py); undefined for ends that have no such answer. A text that brings that harness down is never scored.
 */
export function earlyStopAnswer(end: EpisodeEnd, steps: readonly Step[], limits: EpisodeLimits) {
  const last = steps.at(-1)?.action
  switch (end) {
    case 'horizon':
      return `Early stop: Reach max steps ${limits.horizon}`
    case 'stuck':
      return `Early stop: Same action for ${limits.stuckRepeats} times`
    case 'invalid':
      return last?.kind === 'invalid' && last.crash
        ? undefined
        : `Early stop: Failed to parse actions for ${limits.invalidRepeats} times`
    default:
      return undefined
  }
}

function lastAll(steps: readonly Step[], n: number, holds: (step: Step) => boolean): boolean {
  return n > 0 && steps.length >= n && steps.slice(-n).every(holds)
}
