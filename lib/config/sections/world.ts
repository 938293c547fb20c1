/** Where the agent acts and how it may act there. */
import { z } from 'zod'
import { count, countOrNone } from './numbers.ts'

/** Sites of the embedded web; a test holds this list equal to lib/tasks' own. */
export const EMBEDDED_SITES = ['shop', 'admin', 'forum', 'code', 'map'] as const

export const suite = z
  .strictObject({
    name: z.enum(['embedded']).default('embedded'),
    /** Tasks that need another site are left out. */
    sites: z
      .array(z.enum(EMBEDDED_SITES))
      .min(1)
      .default([...EMBEDDED_SITES]),
    /** Template ids to train and test on; null = all of these sites. */
    templates: z.array(z.string().min(1)).min(1).nullable().default(null),
  })
  .prefault({})

export const agent = z
  .strictObject({
    /** Steps of an episode, exit included. The paper names no horizon; its critic data stops before 15 (A.7). */
    horizon: count.default(15),
    /** The same action this many times in a row ends the episode; 0 = never. Halves the cost of failures. */
    stuckRepeats: countOrNone.default(3),
    /** name: do(action="Click", element="red lamp"); id: element="7", for models that can look ids up. */
    addressing: z.enum(['name', 'id']).default('name'),
    /** compact: one short turn for the embedded policy; webrl: WebRL's rounds (paper Fig. 16). */
    promptStyle: z.enum(['compact', 'webrl']).default('compact'),
    /** Longest prompt, tokens: the page is cut first, then the oldest history. */
    maxPromptTokens: count.default(512),
    /** Longest action, tokens, end of turn included. */
    maxActionTokens: count.default(48),
    /** Episodes in flight at once. */
    concurrency: count.default(96),
  })
  .prefault({})
