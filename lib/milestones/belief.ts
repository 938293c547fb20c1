/**
 * The belief vector z of an episode: what a checker said at each step, made monotone (a milestone once
 * reached stays reached; paper Eq. E2 and SGO's z, reference section 7).
 */

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

/** How many milestones hold after step t (0-based) of a [T, K] belief. */
export function completedAt(z_TK: Uint8Array, k: number, t: number): number {
  let count = 0
  for (let i = 0; i < k; i++) count += z_TK[t * k + i] as number
  return count
}
