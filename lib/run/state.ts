/** What a run needs to know of itself in order to go on: small, written whole after every checkpoint. */
import { z } from 'zod'

export const runState = z.object({
  version: z.literal(1),
  /** Last phase whose checkpoint is complete; 0 = imitation, -1 = none. */
  completedPhase: z.int().min(-1),
  /** The phase validation prefers, with its validation success in [0, 1]. */
  best: z.object({ phase: z.int().min(0), validation: z.number() }).nullable(),
  /** All phases done. */
  finished: z.boolean(),
})
export type RunState = z.infer<typeof runState>

export const INITIAL_STATE: Readonly<RunState> = Object.freeze({
  version: 1,
  completedPhase: -1,
  best: null,
  finished: false,
})
