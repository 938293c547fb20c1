/** The kinds of number that configuration has, each with the bounds that its name promises. */
import { z } from 'zod'

export const count = z.int().min(1)
export const countOrNone = z.int().min(0)
export const share = z.number().min(0).max(1)
export const positive = z.number().gt(0)
export const nonNegative = z.number().min(0)

/** Decoupled weight decay Adam; unitless. */
export function adamW(defaults: { beta1: number; beta2: number; eps: number; weightDecay: number }) {
  return z
    .strictObject({
      beta1: z.number().min(0).lt(1).default(defaults.beta1),
      beta2: z.number().min(0).lt(1).default(defaults.beta2),
      eps: positive.default(defaults.eps),
      weightDecay: nonNegative.default(defaults.weightDecay),
    })
    .prefault({})
}
