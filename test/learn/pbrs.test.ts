/**
 * Paper Claim 1 (A.1): value iteration with reward r + gamma Phi(s') - Phi(s) from zero equals value iteration with
 * reward r from Phi, shifted by Phi, at every iteration; with the undiscounted difference it does not.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { potentialDifferences } from '../../lib/learn/shaping.ts'

interface Mdp {
  states: number
  actions: number
  /** P(s' | s, a), [S, A, S]. */
  transition: Float64Array
  /** r(s, a, s'), [S, A, S]. */
  reward: Float64Array
  phi: Float64Array
  gamma: number
}

const mdps: fc.Arbitrary<Mdp> = fc
  .tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 3 }))
  .chain(([states, actions]) => {
    const cells = states * actions * states
    const numbers = (n: number, min: number, max: number) =>
      fc.float64Array({ minLength: n, maxLength: n, min, max, noNaN: true })
    return fc.record({
      states: fc.constant(states),
      actions: fc.constant(actions),
      transition: numbers(cells, 0.01, 1).map((weights) => {
        for (let row = 0; row < cells; row += states) {
          const part = weights.subarray(row, row + states)
          const sum = part.reduce((a, b) => a + b, 0)
          part.forEach((w, i) => {
            part[i] = w / sum
          })
        }
        return weights
      }),
      reward: numbers(cells, -1, 1),
      phi: numbers(states, -2, 2),
      gamma: fc.double({ min: 0, max: 0.99, noNaN: true }),
    })
  })

function iterate(mdp: Mdp, reward: Float64Array, q: Float64Array): Float64Array {
  const { states, actions, transition, gamma } = mdp
  const best = Float64Array.from({ length: states }, (_, s) =>
    Math.max(...q.subarray(s * actions, (s + 1) * actions)),
  )
  return Float64Array.from({ length: states * actions }, (_, sa) => {
    let value = 0
    for (let next = 0; next < states; next++) {
      const cell = sa * states + next
      value += (transition[cell] as number) * ((reward[cell] as number) + gamma * (best[next] as number))
    }
    return value
  })
}

/** r + shapingGamma Phi(s') - Phi(s), through the function under test. */
function shaped({ states, actions, reward, phi }: Mdp, shapingGamma: number): Float64Array {
  return reward.map((r, cell) => {
    const s = Math.floor(cell / (states * actions))
    const pair = Float64Array.of(phi[s] as number, phi[cell % states] as number)
    return r + (potentialDifferences(pair, 1, shapingGamma, new Float64Array(1))[0] as number)
  })
}

/** max over iterations of |Q~_k - (Q_k - Phi)|. */
function largestGap(mdp: Mdp, shapingGamma: number, iterations: number): number {
  const { states, actions, phi, reward } = mdp
  const rewardTilde = shaped(mdp, shapingGamma)
  let tilde: Float64Array = new Float64Array(states * actions)
  let plain: Float64Array = Float64Array.from(
    { length: states * actions },
    (_, sa) => phi[Math.floor(sa / actions)] as number,
  )
  let gap = 0
  for (let k = 0; k <= iterations; k++) {
    for (let sa = 0; sa < tilde.length; sa++) {
      const shifted = (plain[sa] as number) - (phi[Math.floor(sa / actions)] as number)
      gap = Math.max(gap, Math.abs((tilde[sa] as number) - shifted))
    }
    tilde = iterate(mdp, rewardTilde, tilde)
    plain = iterate(mdp, reward, plain)
  }
  return gap
}

test('with shapingGamma = gamma the two are equal at every iteration', () => {
  fc.assert(
    fc.property(mdps, (mdp) => {
      expect(largestGap(mdp, mdp.gamma, 30)).toBeLessThan(1e-9)
    }),
  )
})

test('with the undiscounted difference they part by (1 - gamma) E[Phi(s_next)] at the first iteration', () => {
  fc.assert(
    fc.property(mdps, (mdp) => {
      const { states, actions, transition, phi, gamma } = mdp
      let expected = 0
      for (let sa = 0; sa < states * actions; sa++) {
        let next = 0
        for (let s = 0; s < states; s++) next += (transition[sa * states + s] as number) * (phi[s] as number)
        expected = Math.max(expected, Math.abs((1 - gamma) * next))
      }
      expect(largestGap(mdp, 1, 1)).toBeCloseTo(expected, 9)
    }),
  )
})
