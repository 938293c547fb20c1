/** How success is measured, and where and with what a run is carried out. */
import { z } from 'zod'
import { count, countOrNone, nonNegative } from './numbers.ts'

export const evaluation = z
  .strictObject({
    /** Held-out test episodes per phase; 240 give a 95% half-width of about 6 points at 50%. */
    episodes: count.default(240),
    /** Validation episodes per phase, which choose the phase that is kept. */
    validationEpisodes: count.default(120),
    /** Episodes on templates never trained on, first and last phase only; 0 = none. */
    novelEpisodes: countOrNone.default(60),
    /** 0 = greedy. */
    temperature: nonNegative.default(0),
  })
  .prefault({})

export const run = z
  .strictObject({
    /** Seeds weights, demonstrations, tasks, sampling and shuffling. */
    seed: z.int().min(0).max(0x7fffffff).default(1),
    /** Intra-op threads of LibTorch; auto = physical cores available. */
    threads: z.union([z.literal('auto'), count]).default('auto'),
    /**
     * Sampling and training compute log-probabilities with the same bits, and a run repeats bit for bit on one
     * machine; slower (docs/exact.md).
     */
    exact: z.boolean().default(false),
    /** Start although the memory plan says that the run does not fit. */
    skipPlan: z.boolean().default(false),
    /**
     * Train in a child process that is started again from the last checkpoint after a fatal device error; auto =
     * on a CUDA device only.
     */
    supervise: z.union([z.literal('auto'), z.boolean()]).default('auto'),
    /** Parent of run directories. */
    directory: z.string().min(1).default('runs'),
    /** Name of the run directory; null = start time. */
    name: z
      .string()
      .regex(/^[\w][\w.-]*$/, 'expected letters, digits, dots, dashes and underscores')
      .nullable()
      .default(null),
  })
  .prefault({})
