/** The actor's update: advantages, objective, optimizer and the guard against collapse. */
import { z } from 'zod'
import { adamW, count, nonNegative, positive, share } from './numbers.ts'

export const policy = z
  .strictObject({
    /**
     * regression: Eq. 12; kl: the exponential weights of Eq. 21; awr: the same on unshaped returns; cloning: own
     * successes with weight 1.
     */
    objective: z.enum(['regression', 'kl', 'awr', 'cloning']).default('regression'),
    /** Discount of returns and TD targets. Paper Table 6: 0.9. */
    gamma: share.default(0.9),
    /** Weight of the TD part of the advantage (Eq. 10); the rest is Monte Carlo. WebRL: 0.5. */
    lambda: share.default(0.5),
    /** Tie to the reference policy (Eq. 12); |A| / beta is the log-ratio asked for, healthy at 0.5 to 1. */
    beta: positive.default(0.3),
    /** unit-std: divide advantages by their standard deviation (then beta 1). */
    advantageScale: z.enum(['none', 'unit-std']).default('none'),
    /** Learn only from A > 0: slower to forget, never collapses. */
    positiveOnly: z.boolean().default(false),
    /** log pi(a|s) as the mean over the action's tokens (WebRL's code) instead of the sum (Eq. 12). */
    lengthNormalised: z.boolean().default(false),
    /** Largest exponential weight of kl and awr. */
    weightClip: positive.default(20),
    /** The paper uses 1e-6 for 12B weights (Table 6). */
    learningRate: positive.default(7e-4),
    schedule: z.enum(['constant', 'cosine', 'linear']).default('constant'),
    warmup: share.default(0),
    finalShare: share.default(1),
    /** Actions per update. Paper Table 6: 128. */
    batchSize: count.default(128),
    maxTokens: count.default(8192),
    /** Passes over a phase's data. Paper Table 6: 1. */
    epochs: count.default(1),
    clipNorm: nonNegative.default(1),
    adamW: adamW({ beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0 }),
    guard: z
      .strictObject({
        /** Stop the epoch when A < 0 actions' mean log-ratio falls below this, nats; healthy: -0.3 to -0.6. */
        limit: z.number().lt(0).default(-1.5),
        /** A < 0 actions the mean runs over. */
        window: count.default(128),
        /** No verdict before this many. */
        minimum: count.default(32),
      })
      .prefault({})
      .superRefine((guard, context) => {
        if (guard.minimum > guard.window) {
          context.addIssue({
            code: 'custom',
            path: ['minimum'],
            message: `expected at most window (${guard.window})`,
            input: guard.minimum,
          })
        }
      }),
  })
  .prefault({})
