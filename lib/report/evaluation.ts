/** The page of an evaluation: report.html from what its folder holds, finished or not. */
import { basename, join } from 'node:path'
import { readEvaluation } from '../evaluation/folder.ts'
import { resultOf } from '../evaluation/result.ts'
import type { EpisodeRecord } from '../run/episodes.ts'
import { writeFileAtomic } from '../run/files.ts'
import { sampleEpisodes } from './assemble.ts'
import { markFailures, readFailures } from './failures.ts'
import { evaluationPage } from './page/evaluation.tsx'
import { readStudy } from './subgoals.ts'

/** @returns the path of report.html, written whole or not at all */
export async function writeEvaluationReport(directory: string): Promise<string> {
  const contents = await readEvaluation(directory)
  const result = resultOf(contents)
  const records: EpisodeRecord[] = result.items.flatMap(({ key, attempt }) => {
    const record = contents.records.get(key)
    return record?.kind === 'episode' ? [{ episode: { ...record.episode, phase: attempt } }] : []
  })
  const failures = await readFailures(contents.path)
  const subgoals = await readStudy(contents.path)
  const episodes = markFailures(sampleEpisodes(records), failures).map((episode) => ({
    ...episode,
    played: `attempt ${episode.phase + 1}`,
  }))
  const path = join(contents.path, 'report.html')
  const page = evaluationPage({
    name: basename(contents.path),
    result,
    episodes,
    episodesInRun: records.length,
    ...(failures && { failures: failures.distribution }),
    ...(subgoals && { subgoals }),
  })
  await writeFileAtomic(path, page)
  return path
}
