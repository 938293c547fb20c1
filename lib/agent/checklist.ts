/**
 * SGO's checklist: the milestones of one episode, which of them are believed to be reached, and for how long nothing
 * has moved. Values that are never changed in place; who believes what, and why, is not known here.
 */

export interface Checklist {
  /** In the order a plan reaches them, [K]. */
  readonly milestones: readonly string[]
  /** z: 1 = believed to be reached, [K]. */
  readonly z: Uint8Array
  /** 1 = was believed to be reached at some time, [K]; z itself where belief is monotone. */
  readonly ever: Uint8Array
  /** Steps since a milestone was reached for the first time, or since the checklist was made or revised. */
  readonly stall: number
  /** Times it was revised. */
  readonly revisions: number
}

export function newChecklist(milestones: readonly string[]): Checklist {
  const none = () => new Uint8Array(milestones.length)
  return { milestones, z: none(), ever: none(), stall: 0, revisions: 0 }
}

export interface BeliefRule {
  /** A milestone once reached stays reached (paper: z = 1 is an anchor). False: z is the rater's last word. */
  monotone: boolean
  /** A step was taken since the last verdicts; false for those on the first page. */
  stepped: boolean
}

/** @param verdicts of a rater on every milestone, [K] of 0/1 */
export function believe(list: Checklist, verdicts: Uint8Array, { monotone, stepped }: BeliefRule): Checklist {
  if (verdicts.length !== list.milestones.length) {
    throw new RangeError(
      `checklist: expected ${list.milestones.length} verdicts, one per milestone, got ${verdicts.length}`,
    )
  }
  const z = verdicts.map((verdict, k) => (verdict || (monotone && list.z[k]) ? 1 : 0))
  // A rater that takes back what it said and says it again must not look like progress.
  const moved = z.some((bit, k) => bit === 1 && list.ever[k] === 0)
  const ever = z.map((bit, k) => bit | (list.ever[k] as number))
  return { ...list, z, ever, stall: moved ? 0 : list.stall + (stepped ? 1 : 0) }
}

/** New milestones in place of all that are not reached; what is reached stays, in front. */
export function revise(list: Checklist, milestones: readonly string[]): Checklist {
  const kept = list.milestones.filter((_, k) => list.z[k] === 1)
  const z = new Uint8Array(kept.length + milestones.length).fill(1, 0, kept.length)
  return {
    milestones: [...kept, ...milestones],
    z,
    ever: z.slice(),
    stall: 0,
    revisions: list.revisions + 1,
  }
}

/** Milestones believed to be reached. */
export function done({ z }: Pick<Checklist, 'z'>): number {
  return z.reduce((sum, bit) => sum + bit, 0)
}

/** "[x] 1. Open the orders page", a line each; the target is marked. */
export function checklistText(
  { milestones, z }: Pick<Checklist, 'milestones' | 'z'>,
  target?: number,
): string {
  return milestones
    .map((text, k) => `[${z[k] ? 'x' : ' '}] ${k + 1}. ${text}${k === target ? '   <- next' : ''}`)
    .join('\n')
}
