/** What `mira subgoals validate` computes: the recorded verdicts, with noise, and as a language model sees it. */
import { readFile } from 'node:fs/promises'
import PQueue from 'p-queue'
import { z } from 'zod'
import type { Episode } from '../agent/episode.ts'
import { checkTrace, type PictureOf } from '../analysis/trace-check.ts'
import {
  type CheckedEpisode,
  exactEntry,
  type MilestoneStudy,
  noisyEntry,
  recordedVerdicts,
  type StudyEntry,
} from '../analysis/validation-study.ts'
import type { Config } from '../config/schema.ts'
import { LanguageModels } from '../llm/models.ts'
import { NoiseError, type NoiseTarget } from '../milestones/noise-rates.ts'
import { configuredChecker } from '../milestones/settings.ts'
import { UsageError } from './exit.ts'

export interface StudyRequest {
  config: Config
  noise: readonly NoiseTarget[]
  /** The levels were named: one that cannot be had is an error, not left out. */
  noiseAsked: boolean
  rater: string | undefined
  milestones: string | undefined
  pictureOf: PictureOf
  onNote: (note: string) => void
  signal: AbortSignal
}

export async function studyOf(
  episodes: readonly Episode[],
  source: string,
  { config, noise, noiseAsked, rater, milestones, pictureOf, onNote, signal }: StudyRequest,
): Promise<MilestoneStudy> {
  if (milestones !== undefined && rater === undefined) {
    throw new UsageError('--milestones: expected --rater MODEL with it, to check the episodes against them')
  }
  const { monotone } = config.milestones
  const options = { monotone, seed: config.run.seed }
  const recorded = recordedVerdicts(episodes)
  const entries: StudyEntry[] = []
  if (recorded.length > 0) {
    const name = recorded.every(({ episode }) => episode.task.embedded) ? 'oracle' : 'recorded'
    entries.push(exactEntry(name, recorded, options))
    for (const target of noise) {
      try {
        entries.push(noisyEntry(recorded, target, options))
      } catch (error) {
        if (noiseAsked || !(error instanceof NoiseError)) throw error
        onNote(`${target.recall}/${target.precision} left out: ${error.message}`)
      }
    }
  }
  if (rater !== undefined) {
    const stated = milestones === undefined ? undefined : await readMilestones(milestones)
    entries.push(await ratedEntry(episodes, { config, rater, stated, pictureOf, onNote, signal }))
  }
  if (entries.length === 0) {
    throw new UsageError(
      `expected episodes with milestones, those of ${source} have none or no score; check them afterwards with --rater MODEL --milestones FILE`,
    )
  }
  return { version: 1, source, monotone, seed: options.seed, entries }
}

async function ratedEntry(
  episodes: readonly Episode[],
  {
    config,
    rater,
    stated,
    pictureOf,
    onNote,
    signal,
  }: Pick<StudyRequest, 'config' | 'pictureOf' | 'onNote' | 'signal'> & {
    rater: string
    stated: ReadonlyMap<string, string[]> | undefined
  },
): Promise<StudyEntry> {
  const models = new LanguageModels(config.llm, { onNote })
  const queue = new PQueue({ concurrency: config.llm.concurrency })
  const { monotone } = config.milestones
  try {
    const checker = configuredChecker(models.model(rater, 'rater'), config.milestones)
    const usable = episodes.flatMap((episode) => {
      const own = stated ? stated.get(String(episode.task.task_id)) : episode.task.embedded?.milestones
      const scored = episode.judgement.unscorable === undefined
      return own && own.length > 0 && scored && episode.steps.length > 0 ? { episode, milestones: own } : []
    })
    if (usable.length === 0) {
      throw new UsageError('--milestones: expected milestones for tasks of these episodes, found none')
    }
    const checked: CheckedEpisode[] = await queue.addAll(
      usable.map(({ episode, milestones }) => async () => ({
        episode,
        reached: await checkTrace(checker, episode, milestones, { monotone, pictureOf, signal }),
      })),
    )
    const { asked, undecided } = checker.counts
    return { ...exactEntry(checker.name, checked, { monotone }), verdicts: { asked, undecided } }
  } finally {
    queue.clear()
    await models.close()
  }
}

const line = z.object({
  task_id: z.union([z.string(), z.int()]),
  milestones: z.array(z.string().min(1)).min(1),
})

/** By task id, as a string. */
export async function readMilestones(path: string): Promise<Map<string, string[]>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--milestones: expected a readable file, ${(cause as Error).message}`)
  })
  const lines = text.split('\n').filter((own) => own.trim() !== '')
  return new Map(
    lines.map((own, i) => {
      const parsed = line.safeParse(jsonOf(own))
      if (parsed.success) return [String(parsed.data.task_id), parsed.data.milestones] as const
      throw new UsageError(
        `--milestones: expected lines with task_id and milestones, as \`mira subgoals generate\` writes them, line ${i + 1} of ${path} is another`,
      )
    }),
  )
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
