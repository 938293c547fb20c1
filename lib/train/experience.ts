/**
 * Episodes laid end to end as transitions, the form in which critics and policy learn from them: ids by
 * reference, outcomes and progress labels as flat arrays. Computes labels; trains and scores nothing.
 */
import type { Episode } from '../agent/episode.ts'
import { expectLength, offsetsOf } from '../learn/arrays.ts'
import { type LabelOptions, progressLabels } from '../learn/labels.ts'
import { monotoneBelief } from '../milestones/belief.ts'

export interface Transition {
  promptIds: Int32Array
  actionIds: Int32Array
}

/** E episodes, N transitions. */
export interface Experience {
  episodes: readonly Episode[]
  /** Where each episode's transitions begin, [E+1]. */
  offsets: Int32Array
  /** [N] */
  transitions: readonly Transition[]
  /** R in {0,1}, [E]. */
  outcomes: Uint8Array
  /** p*_0..p*_T per episode, [E][T+1]; undefined where the episode gives none. */
  labels: readonly (Float32Array | undefined)[]
}

/** Episodes without a step (the environment broke before the first) carry nothing to learn and are left out. */
export function experienceOf(episodes: readonly Episode[], options: LabelOptions): Experience {
  const played = episodes.filter((episode) => episode.steps.length > 0)
  const transitions = played.flatMap((episode) => episode.steps)
  const outcomes = Uint8Array.from(played, (episode) => (episode.judgement.score >= 1 ? 1 : 0))
  const labels = played.map((episode, e) => {
    const milestones = episode.steps[0]?.reached.length ?? 0
    if (milestones === 0) return undefined
    const belief = monotoneBelief(episode.steps.map((step) => step.reached))
    return progressLabels(belief, milestones, outcomes[e] === 1, options)
  })
  return {
    episodes: played,
    offsets: offsetsOf(played.map((e) => e.steps.length)),
    transitions,
    outcomes,
    labels,
  }
}

/** Which episode each transition belongs to, [N]. */
export function episodeOfTransition(offsets: Int32Array): Int32Array {
  const owner = new Int32Array(offsets.at(-1) ?? 0)
  for (let e = 0; e + 1 < offsets.length; e++) owner.fill(e, offsets[e], offsets[e + 1])
  return owner
}

/** Spreads one figure per episode over its transitions, [E] to [N]. */
export function perTransition(values: ArrayLike<number>, offsets: Int32Array): Float32Array {
  expectLength('values', values, offsets.length - 1)
  return Float32Array.from(episodeOfTransition(offsets), (e) => values[e] as number)
}
