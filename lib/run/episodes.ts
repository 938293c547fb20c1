/**
 * An episode as one JSON line and back: typed arrays as plain number lists (float32 to the nine digits that name
 * it exactly), the 64-bit seed as a decimal string. Reads only what it wrote itself, and says what is wrong
 * with anything else.
 */
import { z } from 'zod'
import type { Episode } from '../agent/episode.ts'
import { planStep } from '../agent/guide.ts'
import { saidStep, type Step } from '../agent/step.ts'
import type { StepLearning } from '../learn/trace.ts'
import { evidenceRecord } from '../tasks/evidence.ts'
import { task } from '../tasks/task.ts'
import type { Action } from '../web/action.ts'
import { RunError } from './errors.ts'

/** An episode with what learning saw at each of its steps, once it has been learned from. */
export interface EpisodeRecord {
  episode: Episode
  learning?: StepLearning[]
}

const ids = z.array(z.int()).transform((list) => Int32Array.from(list))
const floats = z
  .array(z.number().nullable())
  .transform((list) => Float32Array.from(list, (value) => value ?? Number.NaN))
const bits = z.array(z.int().min(0).max(1)).transform((list) => Uint8Array.from(list))

const step = z.object({
  promptIds: ids,
  actionIds: ids,
  logprobs: floats,
  actionText: z.string(),
  action: z.custom<Action>((value) => typeof (value as Action | null)?.kind === 'string'),
  url: z.string(),
  pageText: z.string(),
  error: z.string().optional(),
  reached: bits,
  said: saidStep.optional(),
  plan: planStep.optional(),
})

const episodeLine = z.object({
  kind: z.literal('episode'),
  id: z.string(),
  task,
  phase: z.int().min(0),
  seed: z
    .string()
    .regex(/^\d+$/)
    .transform((text) => BigInt(text)),
  temperature: z.number(),
  steps: z.array(step),
  end: z.enum(['exit', 'horizon', 'stuck', 'invalid', 'environment', 'error']),
  answer: z.string().optional(),
  judgement: z.object({
    score: z.number(),
    details: z.array(z.string()),
    unscorable: z.string().optional(),
    evidence: evidenceRecord.optional(),
  }),
  seconds: z.number(),
})

const learningLine = z.object({
  kind: z.literal('learning'),
  episode: z.string(),
  steps: z.array(
    z.object({
      value: z.number(),
      potential: z.number(),
      auxiliary: z.number(),
      reward: z.number(),
      advantage: z.number(),
      logRatio: z.number().optional(),
    }),
  ),
})

const line = z.discriminatedUnion('kind', [episodeLine, learningLine])

export type EpisodeLine =
  | { kind: 'episode'; episode: Episode }
  | { kind: 'learning'; id: string; steps: StepLearning[] }

export function encodeEpisode(episode: Episode): object {
  const { steps, seed, ...rest } = episode
  return { kind: 'episode', ...rest, seed: seed.toString(), steps: steps.map(encodeStep) }
}

export function encodeLearning(episodeId: string, steps: readonly StepLearning[]): object {
  const numbers = ({ logRatio, ...own }: StepLearning) => ({
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [key, shortFloat(value)])),
    ...(logRatio !== undefined && { logRatio: shortFloat(logRatio) }),
  })
  return { kind: 'learning', episode: episodeId, steps: steps.map(numbers) }
}

/** @throws RunError ERR_RUN_FORMAT naming the field of a line that is neither */
export function decodeLine(value: unknown, source: string): EpisodeLine {
  const result = line.safeParse(value)
  if (!result.success) {
    const issue = result.error.issues[0]
    throw new RunError(
      'ERR_RUN_FORMAT',
      `${source}: expected an episode of this version, ${issue?.path.join('.') || 'the line'} is wrong (${issue?.message})`,
      { cause: result.error },
    )
  }
  const parsed = result.data
  if (parsed.kind === 'learning') {
    return { kind: 'learning', id: parsed.episode, steps: parsed.steps as StepLearning[] }
  }
  const { kind, ...episode } = parsed
  return { kind, episode: episode as Episode }
}

/** A picture is no text: whoever asked for it keeps it in a file of its own. */
function encodeStep({ promptIds, actionIds, logprobs, reached, screenshot: _, ...rest }: Step): object {
  return {
    ...rest,
    promptIds: [...promptIds],
    actionIds: [...actionIds],
    logprobs: Array.from(logprobs, shortFloat),
    reached: [...reached],
  }
}

/** Nine significant digits name every float32; twice as short as its double. */
function shortFloat(value: number): number {
  return Number(Math.fround(value).toPrecision(9))
}
