/** How tokens are sampled side by side; lengths come from agent.maxPromptTokens and agent.maxActionTokens. */
import { z } from 'zod'
import { count, countOrNone } from './numbers.ts'

export const generation = z
  .strictObject({
    /** Sequences whose keys and values are held at once; null = agent.concurrency. */
    slots: count.nullable().default(null),
    /** Pictures of sliding-window layers kept so that sequences can branch off an earlier turn; null = one per slot. */
    snapshots: countOrNone.nullable().default(null),
    /** Prompt tokens prefilled per engine turn: larger is faster, smaller lets decoding interleave. */
    prefillChunk: count.default(512),
    /** auto: slots on a CUDA device, the fastest that fits on the CPU. See lib/native/generator.ts. */
    decoder: z.enum(['auto', 'packed', 'slots']).default('auto'),
    /** Requests that may wait for a slot before more are refused; null = unlimited. */
    maxQueued: count.nullable().default(null),
  })
  .prefault({})
