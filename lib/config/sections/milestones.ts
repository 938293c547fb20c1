/** How milestones are made and checked by language models; who is asked is in the section llm. */
import { z } from 'zod'
import { count, countOrNone } from './numbers.ts'

const file = z.string().min(1).nullable().default(null)

export const milestones = z
  .strictObject({
    /** K, milestones per task. The paper: 4. */
    count: z.int().min(2).max(8).default(4),
    /** Few-shot examples per category of the task's sites. The paper: 2. */
    shots: countOrNone.default(2),
    /** Which examples are shown, and in which order. */
    seed: z.int().min(0).default(0),
    /** File with the generator's prompt, in place of lib/milestones/prompts/generate.md. */
    prompt: file,
    /** JSON file with the examples, in place of lib/milestones/prompts/examples.json. */
    examples: file,
    /** File with the checker's prompt for one milestone, in place of lib/milestones/prompts/check-one.md. */
    checkPrompt: file,
    /** The same for all milestones at once, in place of lib/milestones/prompts/check-all.md. */
    batchPrompt: file,
    /** Check all milestones in one call instead of one call each. */
    batch: z.boolean().default(false),
    /** A milestone once reached stays reached, and is not asked about again. */
    monotone: z.boolean().default(true),
    /** P(YES) above which a milestone counts as reached. */
    threshold: z.number().gt(0).lt(1).default(0.5),
    /** Alternatives asked for, for P(YES); 0 = none, the word decides; auto = where the server gives them. */
    topLogprobs: z.union([z.literal('auto'), z.int().min(0).max(20)]).default('auto'),
    /** Show pictures of the pages, where they were taken, to the models. */
    vision: z.boolean().default(true),
    /** Longest page text in a prompt, characters. */
    maxPageChars: count.default(24_000),
    /** Most past actions in a prompt, the latest. */
    maxActions: count.default(40),
    /** Reasoning tokens: a budget, 0 = none, "auto"; null = as the provider does by itself. */
    thinking: z
      .union([countOrNone, z.literal('auto')])
      .nullable()
      .default(null),
  })
  .prefault({})
