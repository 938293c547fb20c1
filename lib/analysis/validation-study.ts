/**
 * A validation of milestones under several checkers on the same episodes: what was recorded as they were played, the
 * same with errors injected to given figures, or what a checker said afterwards. Plain data, with its schema.
 */
import { z } from 'zod'
import type { Episode } from '../agent/episode.ts'
import { finalBelief } from '../milestones/belief.ts'
import { type NoiseRates, perturb } from '../milestones/noise.ts'
import { calibrateNoise, type NoiseTarget } from '../milestones/noise-rates.ts'
import { type Validation, type ValidationTrace, validateMilestones } from './validation.ts'

const share = z.number().min(0).max(1)
const known = z.number().nullable()
const whole = z.int().min(0)

const validation = z.object({
  traces: whole,
  successes: whole,
  milestones: z.array(whole),
  exact: z.object({
    truePositives: whole,
    falsePositives: whole,
    falseNegatives: whole,
    trueNegatives: whole,
    precision: known,
    recall: known,
    f1: known,
  }),
  auroc: known,
  roc: z.array(z.object({ threshold: known, falsePositiveRate: share, truePositiveRate: share })),
  curve: z.array(
    z.object({
      share,
      reached: whole.optional(),
      traces: whole,
      successes: whole,
      rate: share,
      low: share,
      high: share,
    }),
  ),
  monotone: z.enum(['strictly increasing', 'never decreasing', 'not monotone']).nullable(),
  kendall: z.object({ tau: known, p: known, method: z.enum(['exact', 'asymptotic']) }),
  meanShare: z.object({ successes: known, failures: known }),
})

const noiseTarget = z.object({ recall: share, precision: share })

const studyEntry = z.object({
  /** "oracle", "noise 0.60/0.79", a model's name. */
  name: z.string(),
  validation,
  /** Of injected noise: what was asked for, errors per verdict, and what these give in expectation. */
  noise: z
    .object({
      target: noiseTarget,
      rates: z.object({ falseNegative: share, falsePositive: share }),
      expected: noiseTarget,
    })
    .optional(),
  /** Of a checker asked afterwards: verdicts it gave, and those it left undecided, which count as not reached. */
  verdicts: z.object({ asked: whole, undecided: whole }).optional(),
})

export const milestoneStudy = z.object({
  version: z.literal(1),
  /** Which episodes: "phase 4, test split". */
  source: z.string(),
  /** Whether a milestone once reached stays reached. */
  monotone: z.boolean(),
  /** Of the noise. */
  seed: z.int(),
  entries: z.array(studyEntry).min(1),
})
export type MilestoneStudy = z.infer<typeof milestoneStudy>
export type StudyEntry = Omit<z.infer<typeof studyEntry>, 'validation'> & { validation: Validation }

/** Paper section 5.1, of Gemini-2.5-pro's milestones on traces of a MiRA-trained agent. */
export const PAPER_VALIDATION = {
  recall: 0.6032,
  precision: 0.7917,
  f1: 0.6847,
  auroc: 0.84,
  tau: 0.4585,
  monotone: 'strictly increasing',
} as const

/** An episode's verdicts after each step, [T] of [K]. */
export interface CheckedEpisode {
  episode: Pick<Episode, 'task' | 'judgement'>
  reached: readonly Uint8Array[]
}

export interface StudyOptions {
  /** Default true. */
  monotone?: boolean
  /** Default 1. */
  seed?: number
}

/** Episodes with the verdicts recorded as they were played; those without milestones or score are left out. */
export function recordedVerdicts(episodes: Iterable<Episode>): CheckedEpisode[] {
  return [...episodes]
    .map((episode) => ({ episode, reached: episode.steps.map(({ reached }) => reached) }))
    .filter(
      ({ episode, reached }) => (reached[0]?.length ?? 0) > 0 && episode.judgement.unscorable === undefined,
    )
}

/** @throws RangeError without episodes */
export function exactEntry(
  name: string,
  checked: readonly CheckedEpisode[],
  options: StudyOptions = {},
): StudyEntry {
  return { name, validation: validateMilestones(checked.map((own) => traceOf(own, options))) }
}

/**
 * The same episodes with errors in the verdicts, at rates that are expected to give the target's recall and precision.
 * @throws NoiseError when none do
 */
export function noisyEntry(
  checked: readonly CheckedEpisode[],
  target: NoiseTarget,
  options: StudyOptions = {},
): StudyEntry {
  const samples = checked.map(({ episode, reached }) => ({
    reached,
    success: episode.judgement.score >= 1,
  }))
  const { rates, expected } = calibrateNoise(samples, target, options)
  const name = `noise ${target.recall.toFixed(2)}/${target.precision.toFixed(2)}`
  const noisy = checked.map((own) => withNoise(own, rates, options))
  return { ...exactEntry(name, noisy, options), noise: { target, rates, expected } }
}

function withNoise(
  { episode, reached }: CheckedEpisode,
  rates: NoiseRates,
  { seed = 1 }: StudyOptions,
): CheckedEpisode {
  const task = episode.task.task_id
  return { episode, reached: reached.map((row, t) => perturb(row, rates, { task, step: t + 1, seed })) }
}

function traceOf({ episode, reached }: CheckedEpisode, options: StudyOptions): ValidationTrace {
  return { z: finalBelief(reached, options), success: episode.judgement.score >= 1 }
}
