/**
 * Scores the episodes of an evaluation anew from what was kept of them, without a browser: by the same rules, which
 * gives the same scores, or by others as far as the records hold what these read. The result is a folder of its own.
 */
import { join } from 'node:path'
import { evaluationJudge } from '../agent/judge.ts'
import type { Episode, Judgement } from '../agent/episode.ts'
import { ConfigError } from '../config/errors.ts'
import type { Config } from '../config/schema.ts'
import { conductOf, type DialectName } from '../tasks/evaluate.ts'
import { replayEvidence } from '../tasks/evidence.ts'
import { EvaluationFolder, readEvaluation } from './folder.ts'
import type { EvaluationResult } from './result.ts'
import { openJudge, scoringOf } from './scoring.ts'
import { writeResult } from './write.ts'

export interface RescoreOptions {
  dialect?: DialectName
  /** Asked where the records hold no verdict. */
  judge?: string
  /** Folder to write; default: one in the evaluation's. */
  directory?: string
  signal?: AbortSignal
}

export async function rescoreEvaluation(
  directory: string,
  options: RescoreOptions = {},
): Promise<{ path: string; result: EvaluationResult }> {
  const contents = await readEvaluation(directory)
  const { provenance } = contents
  if (provenance.scoring.scorer !== 'evaluators') {
    throw new ConfigError(
      `--rescore: expected an evaluation scored by evaluators, ${directory} was scored by an outcome model, which keeps no record`,
    )
  }
  const config: Config = {
    ...contents.config,
    evaluation: {
      ...contents.config.evaluation,
      dialect: options.dialect ?? (provenance.scoring.dialect as DialectName),
      ...(options.judge === undefined ? {} : { judge: options.judge }),
    },
  }
  const scoring = scoringOf(config)
  const folder = await EvaluationFolder.create(
    options.directory ?? join(contents.path, `rescored-${scoring.dialect}`),
    {
      config,
      tasks: contents.tasks,
      provenance: { ...provenance, scoring, rescoredFrom: contents.path },
    },
  )
  try {
    const context = { folder: folder.path, signal: options.signal }
    const { judge, close } = await openJudge(config, context)
    try {
      for (const record of contents.records.values()) {
        options.signal?.throwIfAborted()
        if (record.kind === 'error') {
          await folder.save(record)
          continue
        }
        const { episode } = record
        const sites = episode.task.sites.flatMap((site) => config.sites.urls[site] ?? [])
        const judgement = await judgeAgain(episode, { ...scoring, sites }, judge)
        await folder.save({ ...record, episode: { ...episode, judgement } })
      }
    } finally {
      await close()
    }
  } finally {
    folder.close()
  }
  return { path: folder.path, result: await writeResult(folder.path) }
}

type AskedJudge = Awaited<ReturnType<typeof openJudge>>['judge']

async function judgeAgain(
  episode: Episode,
  { dialect, judgeEarlyStops, sites }: { dialect: DialectName; judgeEarlyStops: boolean; sites: string[] },
  judge: AskedJudge,
): Promise<Judgement> {
  const { evidence } = episode.judgement
  // What the environment itself judged, and what brings the published harness down, has one score in every dialect.
  if (!evidence && (episode.end === 'environment' || episode.end === 'invalid')) return episode.judgement
  const stopped = episode.answer === undefined
  // Where every step is judged, the last one is, whatever ended the episode.
  const { stepwise } = conductOf(dialect)
  if (stopped && !stepwise && !judgeEarlyStops)
    return evaluationJudge({ dialect })(episode.task, NO_PAGES, undefined)
  if (!evidence) {
    const missing = 'no record of its pages was kept; play it again with this dialect'
    return { ...episode.judgement, score: 0, unscorable: missing }
  }
  const replay = replayEvidence(evidence, judge)
  const judged = await evaluationJudge({
    dialect,
    ...(sites.length > 0 ? { sites } : {}),
    ...(replay.judge ? { judge: replay.judge } : {}),
    ...(replay.helpers ? { helpers: replay.helpers } : {}),
  })(episode.task, replay.pages, stopped && stepwise ? '' : evidence.answer)
  return { ...judged, evidence }
}

/** An agent that never said it was done is judged without looking. */
const NO_PAGES = {
  last: () => Promise.reject(new Error('nothing to look at')),
  open: () => Promise.reject(new Error('nothing to look at')),
  tabs: async () => [],
}
