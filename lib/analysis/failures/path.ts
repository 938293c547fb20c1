/**
 * An episode as a path to be compared: pages, actions and milestones per step, all in comparable form. Successful
 * episodes become references by the same function.
 */
import { monotoneBelief } from '../../milestones/belief.ts'
import { actionKey, generalise, targetOf, type ValueNames } from './actions.ts'
import type { FailureStep } from './diagnosis.ts'
import { type PageSignature, signatureOf } from './pages.ts'

export interface PathStep {
  /** The page the action was chosen on. */
  page: PageSignature
  /** Equal for equal actions. */
  key: string
  kind: FailureStep['action']['kind']
  /** The element, without what is put into it. */
  target: string | undefined
  failed: boolean
}

export interface Path {
  steps: PathStep[]
  /** Milestones reached up to and including each step, monotone, [T, K]; K = 0 where nobody checks any. */
  reached_TK: Uint8Array
  milestones: number
}

/** @param names the task's own values, where paths of different tasks of a template are compared */
export function pathOf(steps: readonly FailureStep[], names: ValueNames = []): Path {
  return {
    steps: steps.map((step): PathStep => {
      const page = signatureOf(step)
      const target = targetOf(step)
      return {
        page: names.length > 0 ? general(page, names) : page,
        key: generalise(actionKey(step), names),
        kind: step.action.kind,
        target: target === undefined ? undefined : generalise(target, names),
        failed: step.error !== undefined,
      }
    }),
    reached_TK: monotoneBelief(steps.map(({ reached }) => reached)),
    milestones: steps[0]?.reached.length ?? 0,
  }
}

function general(page: PageSignature, names: ValueNames): PageSignature {
  return { ...page, address: generalise(page.address, names), place: generalise(page.place, names) }
}

/** Milestones reached after step t, [K] of 0 or 1; before the first step none. */
export function reachedAt({ reached_TK, milestones }: Path, t: number): Uint8Array {
  return t < 0 ? new Uint8Array(milestones) : reached_TK.slice(t * milestones, (t + 1) * milestones)
}

/** The last step that brought a milestone, after the first has been taken; -1 where none did. */
export function lastGain(path: Path): number {
  for (let t = path.steps.length - 1; t > 0; t--) {
    const before = reachedAt(path, t - 1)
    if (reachedAt(path, t).some((z, k) => z > (before[k] as number))) return t
  }
  return -1
}
