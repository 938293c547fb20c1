/** Tails of the standard normal distribution to nearly full double precision, however far out. */

const HALF_SQRT_PI = Math.sqrt(Math.PI) / 2

/** Both tails of the standard normal: P(|Z| >= |z|). */
export function twoSidedNormal(z: number): number {
  return erfc(Math.abs(z) / Math.SQRT2)
}

/** 1 - erf(x), without the cancellation of writing it so. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return Number.NaN
  if (x < 0) return 2 - erfc(-x)
  return x < 2.5 ? 1 - erfSeries(x) : erfcFraction(x)
}

/** Abramowitz and Stegun 7.1.6, all terms positive. */
function erfSeries(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (sum * Math.exp(-x * x)) / HALF_SQRT_PI
}

/** Abramowitz and Stegun 7.1.14 from the inside out; 80 levels are more than x >= 2.5 needs. */
function erfcFraction(x: number): number {
  let tail = x
  for (let n = 80; n > 0; n--) tail = x + n / 2 / tail
  return Math.exp(-x * x) / (2 * HALF_SQRT_PI * tail)
}
