/**
 * The belief vector z of an episode: what a checker said at each step, made monotone (a milestone once
 * reached stays reached; paper Eq. E2 and SGO's z, reference section 7), or taken as it was said.
 */

export interface BeliefOptions {
  /** Default true. False: z is the checker's last word, and may fall. */
  monotone?: boolean
}

/** z as a flat [T, K] array of 0/1 from per-step verdicts. */
export function monotoneBelief(reached: readonly Uint8Array[]): Uint8Array {
  const k = reached[0]?.length ?? 0
  const z_TK = new Uint8Array(reached.length * k)
  reached.forEach((row, t) => {
    for (let i = 0; i < k; i++) {
      const before = t > 0 ? (z_TK[(t - 1) * k + i] as number) : 0
      z_TK[t * k + i] = before | (row[i] ? 1 : 0)
    }
  })
  return z_TK
}

/** z after one more step, [K]; neither argument is changed. */
export function nextBelief(
  before: Uint8Array | undefined,
  verdicts: Uint8Array,
  { monotone = true }: BeliefOptions = {},
): Uint8Array {
  return verdicts.map((verdict, i) => (verdict || (monotone && before?.[i]) ? 1 : 0))
}

/** z at the end of an episode, [K]; empty without steps. */
export function finalBelief(reached: readonly Uint8Array[], options: BeliefOptions = {}): Uint8Array {
  let z: Uint8Array | undefined
  for (const verdicts of reached) z = nextBelief(z, verdicts, options)
  return z ?? new Uint8Array(0)
}

/** How many milestones hold after step t (0-based) of a [T, K] belief. */
export function completedAt(z_TK: Uint8Array, k: number, t: number): number {
  let count = 0
  for (let i = 0; i < k; i++) count += z_TK[t * k + i] as number
  return count
}
