/**
 * Language models as agents, and SGO around any agent (docs/sgo.md). How many milestones a plan has and how belief in
 * them accumulates is in the section milestones.
 */
import { z } from 'zod'
import { count, countOrNone, nonNegative, share } from './numbers.ts'

const thinking = z
  .union([countOrNone, z.literal('auto')])
  .nullable()
  .default(null)

/** How pages and histories are shown to language models; four characters are about a token. */
const shown = {
  /** Characters of a page; what is cut is said to be cut. */
  maxPageCharacters: count.default(40_000),
  /** Characters of the history; the oldest actions go first. */
  maxHistoryCharacters: count.default(8_000),
  /** Show the screenshot too, where agent.screenshots takes one. */
  images: z.boolean().default(true),
  /** Reasoning tokens per call: a budget, 0 = none, "auto" = as many as the model likes; null = its own way. */
  thinking,
  /** Longest reply, tokens, thinking included; null = llm.maxTokens. */
  maxTokens: count.nullable().default(null),
}

/** A language model as the policy (--model gemini:NAME). */
export const prompted = z
  .strictObject({
    /** Prompt file in place of ours for agent.grammar (lib/agent/prompts/act-*.md). */
    prompt: z.string().min(1).nullable().default(null),
    ...shown,
  })
  .prefault({})

const target = z
  .strictObject({
    /** first-undone: paper Fig. 9; after-highest: behind the last milestone that is believed to be reached. */
    aim: z.enum(['first-undone', 'after-highest']).default('first-undone'),
    /** While stalled: keep the target, drop it, or aim at the next one that is undone. */
    onStall: z.enum(['keep', 'drop', 'next']).default('drop'),
    /** Stalled: the last so many actions were one text; 0 = no sign of it. So for the next three. */
    repeats: countOrNone.default(2),
    /** The last so many actions could not be carried out. */
    failures: countOrNone.default(1),
    /** The last so many actions saw the same page. */
    samePage: countOrNone.default(0),
    /** No milestone was reached for so many steps. */
    unmoved: countOrNone.default(0),
  })
  .prefault({})

export const sgo = z
  .strictObject({
    /** off; oracle: the embedded suite's own milestones; else a language model: "gemini:NAME", "native:DIR" ... */
    planner: z.string().min(1).default('off'),
    /** Who judges the milestones: "oracle" or a language model; null = llm.models.rater, else the planner. */
    rater: z.string().min(1).nullable().default(null),
    /**
     * Errors injected into the oracle's verdicts: probabilities that one verdict on one milestone after one step is
     * turned over. Null = exact.
     */
    noise: z.strictObject({ falseNegative: share, falsePositive: share }).nullable().default(null),
    /** Steps without a new milestone after which a language model is asked for another plan; 0 = never. */
    replanAfter: countOrNone.default(5),
    /** Other plans per episode at most. */
    maxReplans: countOrNone.default(2),
    /**
     * Temperature at least of an action while stalled, since a greedy policy would do again what it just did; 0 = the
     * episode's own (docs/log.md has what it changed).
     */
    stallTemperature: nonNegative.default(1),
    target,
    /** Folder with prompt files of the names in lib/agent/prompts/sgo-*.md, in place of these. */
    prompts: z.string().min(1).nullable().default(null),
    ...shown,
  })
  .prefault({})
