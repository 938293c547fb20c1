/** How success is measured, and where and with what a run is carried out. */
import { z } from 'zod'
import { count, countOrNone, nonNegative } from './numbers.ts'

/** Suites and evaluator dialects by name; a test holds the lists equal to those of lib/suites and lib/tasks. */
export const EVALUATION_SUITES = ['embedded', 'webarena-lite', 'webrl', 'miniwob'] as const
export const DIALECTS = ['embedded', 'vab', 'webarena', 'browsergym'] as const

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
    /** What `mira eval` plays; training evaluates on the embedded suite whatever this says. */
    suite: z.enum(EVALUATION_SUITES).default('embedded'),
    /** The user's file or folder of tasks: WebArena's raw JSON, WebRL's tasks; null where a suite brings its own. */
    tasks: z.string().min(1).nullable().default(null),
    /** Task ids and runs of them, "0-9,33"; null = all. */
    ids: z.string().min(1).nullable().default(null),
    /** Play only tasks whose sites are all among these; null = all. */
    sites: z.array(z.string().min(1)).min(1).nullable().default(null),
    /** Split of the embedded suite. */
    split: z.enum(['validation', 'test', 'novel']).default('test'),
    /** Seeds that MiniWoB++ tasks are played with, each a task of its own. */
    seeds: z.array(z.int().min(0)).min(1).default([0]),
    /** Times every task is played; pass@k up to this k. */
    attempts: count.default(1),
    /** Play the embedded suite in Chromium instead of in process. */
    browser: z.boolean().default(false),
    /**
     * Whose rules decide success: embedded (this project's), vab (VisualAgentBench: WebRL's and MiRA's numbers),
     * webarena, browsergym; null = embedded for the embedded suite, else vab.
     */
    dialect: z.enum(DIALECTS).nullable().default(null),
    /**
     * evaluators: the task's own checks; outcome-model: WebRL's question to a language model whether the episode did
     * what was asked; null = outcome-model for WebRL's tasks, which have no checks, else evaluators.
     */
    scorer: z.enum(['evaluators', 'outcome-model']).nullable().default(null),
    /**
     * Language model that judges fuzzy matches, or is the outcome model: "gemini:NAME", "openai:NAME@http://HOST/v1",
     * "anthropic:NAME" or "native:DIR"; null = llm.models.judge. Without one, tasks that need it are unscorable.
     */
    judge: z.string().min(1).nullable().default(null),
    /** File with the judge's prompts in place of our own (fuzzy, ua, system), in YAML or JSON. */
    judgePrompts: z.string().min(1).nullable().default(null),
    /** The outcome model's P(YES) from which an episode counts as solved. WebRL: 0.5. */
    threshold: z.number().gt(0).max(1).default(0.5),
    /**
     * Keep the published evaluators' assertions: a bare string where they expect a list (task 81 of WebArena-Lite)
     * cannot be scored. False: it counts as a list of one.
     */
    stock: z.boolean().default(false),
    /** Keep the last page's source with every episode, so that it can be scored again by other rules. */
    keepHtml: z.boolean().default(true),
    /** Score agents that were stopped on "Early stop: ..."; null = as the dialect's harness does. */
    judgeEarlyStops: z.boolean().nullable().default(null),
    /** When shared sites are put back, where the sites say how: before the first attempt, every attempt, or never. */
    reset: z.enum(['never', 'start', 'attempts']).default('attempts'),
    /** Parent of evaluation directories. */
    directory: z.string().min(1).default('evaluations'),
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
