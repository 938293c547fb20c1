/**
 * With what an evaluation was made: enough to say whether two numbers may stand beside each other, and the reasons
 * why one may not stand beside the published ones.
 */
import { z } from 'zod'
import { PROMPT_STYLES } from '../config/sections/world.ts'

/** Reasoning tokens per call; null = the model's own way. */
const thinking = z.union([z.int(), z.literal('auto')]).nullable()

export const provenanceSchema = z.object({
  version: z.literal(1),
  suite: z.string(),
  /** The user's task file and what it held; absent where a suite brings its own tasks. */
  source: z.object({ path: z.string(), sha256: z.string().nullable() }).optional(),
  model: z.object({
    path: z.string(),
    kind: z.enum(['checkpoint', 'run', 'script', 'prompted']),
    /** Phase of a run. */
    phase: z.int().optional(),
  }),
  tasks: z.int(),
  attempts: z.int(),
  seed: z.int(),
  temperature: z.number(),
  agent: z.object({
    observation: z.string(),
    addressing: z.string(),
    grammar: z.string(),
    manner: z.string(),
    promptStyle: z.enum(PROMPT_STYLES),
    maxPromptTokens: z.int(),
    maxActionTokens: z.int(),
    horizon: z.int(),
    stuckRepeats: z.int(),
    invalidRepeats: z.int(),
  }),
  /** Of a language model that acts. */
  prompted: z.object({ thinking }).optional(),
  /** Who guided the agent; absent for a plain one. */
  sgo: z
    .object({
      planner: z.string(),
      rater: z.string(),
      thinking,
      noise: z.object({ falseNegative: z.number(), falsePositive: z.number() }).nullable(),
      replanAfter: z.int(),
      aim: z.string(),
      onStall: z.string(),
      stallTemperature: z.number().optional(),
    })
    .optional(),
  scoring: z.object({
    dialect: z.string(),
    scorer: z.enum(['evaluators', 'outcome-model']),
    /** Name of the language model, null = none. */
    judge: z.string().nullable(),
    judgeEarlyStops: z.boolean(),
  }),
  browser: z.enum(['in-process', 'chromium']),
  /** Folder whose episodes these are, where they were scored again. */
  rescoredFrom: z.string().optional(),
  /** ISO 8601. */
  startedAt: z.string(),
  environment: z.record(z.string(), z.unknown()),
})
export type Provenance = z.infer<typeof provenanceSchema>

/** The judge of the published WebArena-Lite figures. */
const PUBLISHED_JUDGE = 'gpt-4-1106-preview'
const PUBLISHED_TASKS = 165

/**
 * What keeps a WebArena-Lite figure from standing beside those of WebRL and MiRA, a sentence each; [] for other
 * suites, which have no published counterpart here. The prompt of the published models is part of the comparison
 * only as far as its form goes: their weights are Llama's and GLM's.
 */
export function deviations({ suite, tasks, temperature, agent, scoring }: Provenance): string[] {
  if (suite !== 'webarena-lite') return []
  const found: string[] = []
  const differs = (what: string, own: string | number | boolean, published: string | number | boolean) => {
    if (own !== published) found.push(`${what} is ${own}, published numbers use ${published}`)
  }
  differs('the number of tasks', tasks, PUBLISHED_TASKS)
  differs('the evaluator dialect', scoring.dialect, 'vab')
  differs('scoring of agents that were stopped', scoring.judgeEarlyStops, true)
  differs('the observation', agent.observation, 'vab')
  differs('the grammar', agent.grammar, 'vab')
  differs('the manner of acting', agent.manner, 'vab')
  differs('addressing', agent.addressing, 'id')
  differs('the prompt', agent.promptStyle, 'webrl')
  differs('the horizon', agent.horizon, 30)
  differs('the limit of repeated actions', agent.stuckRepeats, 5)
  differs('the limit of unreadable actions', agent.invalidRepeats, 5)
  differs('the temperature', temperature, 0)
  if (scoring.judge === null) found.push(`there is no judge, published numbers use ${PUBLISHED_JUDGE}`)
  else if (!scoring.judge.endsWith(PUBLISHED_JUDGE)) differs('the judge', scoring.judge, PUBLISHED_JUDGE)
  return found
}
