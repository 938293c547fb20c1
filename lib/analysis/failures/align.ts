/**
 * Lays an episode beside a reference path: semi-global alignment (Needleman and Wunsch 1970 with free ends) over
 * pages and actions, and the first step that contradicts the reference. Detours that lead back are no contradiction.
 */
import { samePage } from './pages.ts'
import { type Path, type PathStep, reachedAt } from './path.ts'

export interface Alignment {
  /** Steps of the episode and of the reference that are the same decision, both ascending, from 0. */
  pairs: { step: number; reference: number }[]
  score: number
}

/** Scores of a pair, by what the two steps share. */
const SAME_STEP = 3
/** The same action with the same effect from another page, or another way to the same next page. */
const SAME_EFFECT = 2
/** The same action, pages unlike: too little to make up for a detour. */
const SAME_ACTION = 0.5
/** A step of the episode that the reference does not have: a detour may be longer than what is left out. */
const DETOUR = -0.6
const LEFT_OUT = -1

/** The best common beginning; what the episode does after its last pair costs nothing, nor what it never gets to. */
export function align(episode: Path, reference: Path, similarity: number): Alignment {
  const rows = episode.steps.length
  const columns = reference.steps.length
  const width = columns + 1
  const best = new Float64Array((rows + 1) * width)
  /** 0: pair, 1: step of the episode alone, 2: step of the reference alone. */
  const from = new Uint8Array((rows + 1) * width)
  let end = 0
  for (let i = 0; i <= rows; i++) {
    for (let j = 0; j <= columns; j++) {
      if (i + j === 0) continue
      const at = i * width + j
      const pair = i > 0 && j > 0 ? pairScore(episode, i - 1, reference, j - 1, similarity) : undefined
      const options = [
        pair === undefined ? Number.NEGATIVE_INFINITY : (best[at - width - 1] as number) + pair,
        i > 0 ? (best[at - width] as number) + DETOUR : Number.NEGATIVE_INFINITY,
        j > 0 ? (best[at - 1] as number) + LEFT_OUT : Number.NEGATIVE_INFINITY,
      ]
      from[at] = options.indexOf(Math.max(...options))
      best[at] = options[from[at] as number] as number
      // Strictly better: of equals the earliest in the episode.
      if (from[at] === 0 && (best[at] as number) > (best[end] as number)) end = at
    }
  }
  const pairs: Alignment['pairs'] = []
  for (let at = end; at > 0; ) {
    const way = from[at]
    if (way === 0) pairs.push({ step: Math.floor(at / width) - 1, reference: (at % width) - 1 })
    at -= way === 0 ? width + 1 : way === 1 ? width : 1
  }
  return { pairs: pairs.reverse(), score: best[end] as number }
}

function pairScore(episode: Path, i: number, other: Path, j: number, similarity: number): number | undefined {
  const step = episode.steps[i] as PathStep
  const reference = other.steps[j] as PathStep
  if (step.failed && !reference.failed) return undefined
  const sameAction = step.key === reference.key
  const samePlace = samePage(step.page, reference.page, similarity)
  if (sameAction && samePlace) return SAME_STEP
  // Leaving is a decision of its own; another last word leads to no common page.
  if (step.kind === 'exit' || reference.kind === 'exit') return undefined
  const next = episode.steps[i + 1]?.page
  const referenceNext = other.steps[j + 1]?.page
  const sameNext = next && referenceNext && samePage(next, referenceNext, similarity)
  if (sameAction) return sameNext ? SAME_EFFECT : SAME_ACTION
  // Going back may end where a button would have led, without what the button does.
  const moved = step.kind !== 'go_backward' && next && next.address !== step.page.address
  return samePlace && sameNext && moved && !lags(episode, i, other, j) ? SAME_EFFECT : undefined
}

/**
 * The first significant divergence, from 0: the step after the last pair, or, before it, a step that stands in the
 * place of something the reference did and the episode never made good: a milestone that the reference had when the
 * two meet again and the episode has not, or another text in the same field. `steps.length` where nothing diverges.
 */
export function divergence(episode: Path, reference: Path, { pairs }: Alignment): number {
  let step = -1
  let other = -1
  for (const pair of pairs) {
    const left = reference.steps.slice(other + 1, pair.reference)
    const own = episode.steps.slice(step + 1, pair.step)
    if (left.length > 0 && (lags(episode, pair.step, reference, pair.reference) || replaces(own, left))) {
      return step + 1
    }
    step = pair.step
    other = pair.reference
  }
  return step + 1
}

function lags(episode: Path, step: number, reference: Path, other: number): boolean {
  if (episode.milestones === 0 || reference.milestones !== episode.milestones) return false
  const own = reachedAt(episode, step)
  return reachedAt(reference, other).some((z, k) => z > (own[k] as number))
}

/** Another text or option for the same field. */
function replaces(own: readonly PathStep[], left: readonly PathStep[]): boolean {
  return left.some(
    ({ kind, target, key }) =>
      (kind === 'type' || kind === 'select' || kind === 'search') &&
      own.some((step) => step.target === target && step.kind === kind && step.key !== key),
  )
}
