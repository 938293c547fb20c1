/**
 * What a task is: WebArena's task object to the letter, plus what only the embedded suite knows.
 * Plain data; a task never holds functions, pages or models.
 */
import { z } from 'zod'

export const SITE_NAMES = ['shop', 'admin', 'forum', 'code', 'map'] as const
export type SiteName = (typeof SITE_NAMES)[number]

export const SPLITS = ['train', 'validation', 'test', 'novel'] as const
/** test: parameters never trained on; novel: templates never trained on. */
export type Split = (typeof SPLITS)[number]

/** What a text has to be. Keys beyond these are kept: whether a dialect knows them is for evaluators to say. */
const contents = z.looseObject({
  exact_match: z.string().optional(),
  must_include: z.union([z.string(), z.array(z.string())]).optional(),
  must_exclude: z.array(z.string()).optional(),
  required_values: z.array(z.string()).optional(),
  fuzzy_match: z.union([z.string(), z.array(z.string())]).optional(),
})

/** One page check: go to `url` ("last" = stay), read `locator` ("" = whole page), compare. */
export const programHtml = z.object({
  url: z.string(),
  locator: z.string(),
  required_contents: contents,
  /** Expressions evaluated on the page before `locator` (VisualWebArena). */
  prep_actions: z.array(z.string()).optional(),
})
export type ProgramHtml = z.infer<typeof programHtml>

export const evalSpec = z.object({
  eval_types: z.array(z.enum(['string_match', 'url_match', 'program_html', 'page_image_query'])).min(1),
  reference_answers: contents.extend({ one_of: z.array(z.string()).optional() }).nullable(),
  reference_url: z.string().nullable(),
  url_note: z.string().optional(),
  program_html: z.array(programHtml),
  string_note: z.string().nullish(),
  reference_answer_raw_annotation: z.string().nullish(),
  /** VisualWebArena's questions about images; kept, never evaluated. */
  page_image_query: z.array(z.record(z.string(), z.unknown())).optional(),
})
export type EvalSpec = z.infer<typeof evalSpec>

/** Free text, or a list of it, that newer task files carry and evaluation does not need. */
const remark = z.union([z.string(), z.array(z.string())]).nullish()

/** WebArena-Lite's 13 fields and VisualWebArena's extras; sites is free text because users bring their own. */
export const webArenaTask = z.object({
  sites: z.array(z.string()).min(1, 'a task names at least one site'),
  task_id: z.union([z.number().int(), z.string()]),
  require_login: z.boolean(),
  storage_state: z.string().nullable(),
  start_url: z.string(),
  geolocation: z.unknown(),
  intent_template: z.string(),
  instantiation_dict: z.record(z.string(), z.unknown()),
  intent: z.string().min(1),
  require_reset: z.boolean(),
  intent_template_id: z.number().int(),
  eval: evalSpec,
  /** Id in WebArena's 812 tasks; absent in WebRL's generated tasks. */
  old_task_id: z.number().int().optional(),
  /** CSS pixels. */
  viewport_size: z
    .object({ width: z.number().int().positive(), height: z.number().int().positive() })
    .nullish(),
  /** Pictures that belong to the intent. */
  image: remark,
  comments: remark,
  reasoning_difficulty: remark,
  visual_difficulty: remark,
  overall_difficulty: remark,
})

/** What the embedded suite adds. */
export const embeddedPart = z.object({
  /** Template id, "shop/buy-colour". */
  template: z.string(),
  split: z.enum(SPLITS),
  /** Seed of the world this task is played in; two episodes with one seed see the same pages. */
  world_seed: z.number().int().nonnegative(),
  /** Texts of the milestones, in the order an expert reaches them; the oracle is found by `template`. */
  milestones: z.array(z.string()),
})

export const task = webArenaTask.extend({ embedded: embeddedPart.optional() })
export type Task = z.infer<typeof task>
