/** Where the agent acts and how it may act there. */
import { z } from 'zod'
import { count, countOrNone, positive } from './numbers.ts'

/** Sites of the embedded web; a test holds this list equal to lib/tasks' own. */
export const EMBEDDED_SITES = ['shop', 'admin', 'forum', 'code', 'map'] as const

/** lib/web's dialects of observations and grammars of actions; a test holds the lists equal. */
export const OBSERVATIONS = ['clean', 'vab', 'axtree'] as const
export const GRAMMARS = ['mira', 'vab', 'webarena'] as const

export const PROMPT_STYLES = ['compact', 'webrl'] as const

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
    /** This many texts in a row that are no action end the episode; 0 = never. WebArena-Lite: 5. */
    invalidRepeats: countOrNone.default(0),
    /** Wall-clock seconds after which an episode is given up, as a failure of the environment; null = never. */
    episodeSeconds: positive.nullable().default(null),
    /**
     * What the agent sees of a page. clean: simplified HTML; vab: VisualAgentBench's, to the letter; axtree:
     * WebArena's accessibility tree. The last two need a real browser.
     */
    observation: z.enum(OBSERVATIONS).default('clean'),
    /** How its text is read. mira: the superset; vab: VisualAgentBench's, with its failures; webarena: click [7]. */
    grammar: z.enum(GRAMMARS).default('mira'),
    /** How actions are carried out in a real browser. vab: as VisualAgentBench does, its quirks included. */
    manner: z.enum(['default', 'vab']).default('default'),
    /** Keep a PNG of the viewport with every step, where the browser can see. */
    screenshots: z.boolean().default(false),
    /** name: do(action="Click", element="red lamp"); id: element="7", for models that can look ids up. */
    addressing: z.enum(['name', 'id']).default('name'),
    /** compact: one short turn for the embedded policy; webrl: WebRL's rounds (paper Fig. 16). */
    promptStyle: z.enum(PROMPT_STYLES).default('compact'),
    /** Longest prompt, tokens: the page is cut first, then the oldest history. */
    maxPromptTokens: count.default(512),
    /** Tokens the page keeps before history is dropped for it; 0: a long history may leave nothing, as in WebRL. */
    minPageTokens: countOrNone.default(0),
    /** Tell in the history which actions could not be carried out; WebArena's harness never does. */
    announceFailures: z.boolean().default(true),
    /** Longest action, tokens, end of turn included. */
    maxActionTokens: count.default(48),
    /** Episodes in flight at once. */
    concurrency: count.default(96),
  })
  .prefault({})
