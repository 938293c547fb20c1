/** What a phase plays, what it replays, and how its successor's tasks are chosen. */
import { z } from 'zod'
import { count, countOrNone, nonNegative, share } from './numbers.ts'

export const phases = z
  .strictObject({
    /** MiRA phases after imitation, as in the paper. */
    count: countOrNone.default(6),
    /** Episodes sampled per phase. */
    rollouts: count.default(900),
    /** Sampling temperature of rollouts. Paper Table 6: 1; a policy this small slips too often there (docs/log.md). */
    temperature: nonNegative.default(0.7),
  })
  .prefault({})

export const replay = z
  .strictObject({
    enabled: z.boolean().default(true),
    /** Closed band of rank = 1 / perplexity (Table 8). */
    band: z
      .tuple([share, share])
      .default([0.5, 0.9])
      .refine(([low, high]) => low <= high, 'expected the lower end first'),
    /** What the band judges: whole episodes (Alg. 2) or single actions (WebRL). */
    unit: z.enum(['trajectory', 'action']).default('trajectory'),
    /** Replayed transitions at most, as a multiple of the phase's own (WebRL: 2). */
    cap: nonNegative.default(2),
    /** Successes held. */
    capacity: count.default(2000),
    /** Keep only each task's latest success (WebRL's code). */
    onePerTask: z.boolean().default(false),
  })
  .prefault({})

export const curriculum = z
  .strictObject({
    enabled: z.boolean().default(true),
    /** Share of a phase's tasks that repeat failed ones. */
    repeat: share.default(0.25),
    /** Share drawn anew from the templates that failed; the rest is uniform over templates. */
    resample: share.default(0.25),
  })
  .prefault({})
  .superRefine((shares, context) => {
    if (shares.repeat + shares.resample > 1) {
      context.addIssue({
        code: 'custom',
        path: ['resample'],
        message: `expected repeat + resample of at most 1 (repeat is ${shares.repeat})`,
        input: shares.resample,
      })
    }
  })
