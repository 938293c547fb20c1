/** pass@k from repeated attempts (paper Eq. 14; Chen et al. 2021). */

/**
 * Unbiased estimate of the chance that at least one of k attempts succeeds: 1 - C(n-c, k) / C(n, k), as a product
 * so that no binomial overflows.
 *
 * @param attempts n, at least k
 * @param successes c in 0..n
 * @throws RangeError for anything else
 */
export function passAtK(attempts: number, successes: number, k: number): number {
  if (!(Number.isInteger(successes) && successes >= 0 && successes <= attempts)) {
    throw new RangeError(
      `successes: expected a whole number from 0 to ${attempts} (the attempts), received ${successes}`,
    )
  }
  if (!(Number.isInteger(k) && k >= 1 && k <= attempts)) {
    throw new RangeError(`k: expected a whole number from 1 to ${attempts} (the attempts), received ${k}`)
  }
  if (attempts - successes < k) return 1
  let allFail = 1
  for (let i = 0; i < k; i++) allFail *= (attempts - successes - i) / (attempts - i)
  return 1 - allFail
}

/** Mean of pass@k over tasks; tasks may differ in their number of attempts. NaN without tasks. */
export function meanPassAtK(tasks: readonly { attempts: number; successes: number }[], k: number): number {
  return (
    tasks.reduce((sum, { attempts, successes }) => sum + passAtK(attempts, successes, k), 0) / tasks.length
  )
}
