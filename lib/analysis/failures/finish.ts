/**
 * When an episode had done all there was to do but say so: all milestones of a solution that hold before its exit,
 * on the page where the solution ends.
 */
import type { Alignment } from './align.ts'
import { samePage } from './pages.ts'
import { type Path, reachedAt } from './path.ts'

/**
 * The step after which only the exit was missing, from 0; undefined where it never
 * came to that.
 *
 * @param reference a solution of the same task that ends with its exit, or undefined: then the milestones alone say
 * it, all but the last, which is about how the episode ends
 */
export function finishedAfter(
  episode: Path,
  reference: { path: Path; alignment: Alignment; of: 'task' | 'template' } | undefined,
  similarity: number,
): number | undefined {
  const steps = episode.steps.length
  if (!reference) {
    const needed = new Uint8Array(episode.milestones).fill(1, 0, -1)
    if (episode.milestones < 2) return undefined
    return first(steps, (t) => covers(reachedAt(episode, t), needed))
  }
  const { path, alignment } = reference
  const exit = path.steps.findLastIndex(({ kind }) => kind === 'exit')
  if (exit < 0) return undefined
  const comparable = episode.milestones > 0 && episode.milestones === path.milestones
  const needed = comparable ? reachedAt(path, exit - 1) : new Uint8Array(0)
  const place = (path.steps[exit] as Path['steps'][number]).page
  // The page behind the last step was never looked at; there the solution's last action has to do.
  const walked = alignment.pairs.find((pair) => pair.reference === exit - 1)?.step
  return first(steps, (t) => {
    if (comparable && !covers(reachedAt(episode, t), needed)) return false
    if (walked !== undefined && t >= walked) return true
    // A page alone says little of a task with effects; milestones, or the walk there, have to say the rest.
    const next = episode.steps[t + 1]?.page
    return (
      reference.of === 'task' &&
      needed.some(Boolean) &&
      next !== undefined &&
      samePage(next, place, similarity)
    )
  })
}

function first(steps: number, holds: (t: number) => boolean): number | undefined {
  for (let t = 0; t < steps; t++) if (holds(t)) return t
  return undefined
}

function covers(own: Uint8Array, needed: Uint8Array): boolean {
  return needed.every((z, k) => z <= (own[k] ?? 0))
}
