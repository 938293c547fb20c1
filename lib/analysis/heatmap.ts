/**
 * Milestone-by-step heat map (paper Fig. 12): how likely each milestone is to be complete after each step.
 * Counts what the checker said; it judges nothing and draws nothing.
 */
import type { Episode } from '../agent/episode.ts'
import { monotoneBelief } from '../milestones/belief.ts'

export interface HeatMap {
  /** Rows: steps counted from 1 (after the first action), [steps]. */
  steps: number
  /** Columns: milestones in the order an expert reaches them, [milestones]. */
  milestones: number
  /** Episodes behind each milestone's column (tasks differ in the number of milestones), [milestones]. */
  episodes: number[]
  /** Mean completion probability in [0, 1], step-major: cells[step * milestones + milestone]. */
  cells: Float64Array
}

/** The part of an episode the map looks at; a whole {@link Episode} fits. */
export type MilestoneTrace = {
  steps: Pick<Episode['steps'][number], 'reached'>[]
}

/**
 * Mean over episodes of z_{t,k} with z made monotone (a milestone once reached stays reached) and the last
 * state of a finished episode carried on, so that columns never fall and phases with short and long episodes
 * compare. A milestone's mean is over the episodes whose task has it.
 *
 * @param horizon number of steps shown; default: the longest episode.
 * @throws RangeError when the horizon is not a positive integer.
 */
export function milestoneHeatMap(episodes: Iterable<MilestoneTrace>, horizon?: number): HeatMap {
  if (horizon !== undefined && !(Number.isInteger(horizon) && horizon > 0)) {
    throw new RangeError(`horizon: expected a positive whole number of steps, received ${horizon}`)
  }
  const traces = [...episodes].filter((episode) => episode.steps.length > 0)
  const steps = horizon ?? traces.reduce((most, trace) => Math.max(most, trace.steps.length), 0)
  const milestones = traces.reduce((most, trace) => Math.max(most, milestoneCount(trace)), 0)
  const counts = new Array<number>(milestones).fill(0)
  const cells = new Float64Array(steps * milestones)
  for (const trace of traces) {
    const k = milestoneCount(trace)
    const z_TK = monotoneBelief(trace.steps.map((step) => step.reached))
    for (let i = 0; i < k; i++) {
      counts[i]! += 1
      for (let t = 0; t < steps; t++) {
        cells[t * milestones + i]! += z_TK[Math.min(t, trace.steps.length - 1) * k + i]!
      }
    }
  }
  for (let t = 0; t < steps; t++) {
    for (let k = 0; k < milestones; k++) cells[t * milestones + k]! /= Math.max(1, counts[k]!)
  }
  return { steps, milestones, episodes: counts, cells }
}

function milestoneCount(trace: MilestoneTrace): number {
  return trace.steps[0]?.reached.length ?? 0
}
