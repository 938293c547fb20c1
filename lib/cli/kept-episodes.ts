/** Episodes that a run or an evaluation has kept, for commands that look at them afterwards. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Episode } from '../agent/episode.ts'
import type { PictureOf } from '../analysis/trace-check.ts'
import { readEvaluation } from '../evaluation/folder.ts'
import { readRun } from '../run/directory.ts'
import { episodePhases, readEpisodes } from '../run/read.ts'
import type { Split } from '../tasks/task.ts'
import { UsageError } from './exit.ts'

export interface KeptEpisodes {
  /** Absolute path of the folder. */
  path: string
  kind: 'run' | 'evaluation'
  /** Which they are, in words. */
  source: string
  episodes: Episode[]
  /** Pictures of their pages, where some were kept. */
  pictureOf: PictureOf
}

export interface KeptChoice {
  /** Of a run; default: the phase that was kept, else the last with episodes. */
  phase?: number | undefined
  /** Default: `runSplit` of a run, all of an evaluation. */
  split?: Split | 'all' | undefined
  /** Default "test". */
  runSplit?: Split
}

/** @throws UsageError when the choice leaves none; RunError when the folder is neither */
export async function keptEpisodes(directory: string, choice: KeptChoice = {}): Promise<KeptEpisodes> {
  const kept = existsSync(join(directory, 'evaluation.json'))
    ? await evaluated(directory, choice)
    : await played(directory, choice)
  if (kept.episodes.length > 0) return kept
  throw new UsageError(
    `--split: expected a choice with episodes, ${directory} (${kept.source}) holds none; try --split all`,
  )
}

async function played(
  directory: string,
  { phase: wanted, runSplit = 'test', split = runSplit }: KeptChoice,
): Promise<KeptEpisodes> {
  const { path, state } = await readRun(directory)
  const phases = await episodePhases(path)
  const best = state.best?.phase
  const phase = wanted ?? (best !== undefined && phases.includes(best) ? best : phases.at(-1))
  if (phase === undefined || !phases.includes(phase)) {
    throw new UsageError(
      `--phase: expected a phase with episodes (${phases.join(', ') || 'none'}), received ${phase ?? 'none'}`,
    )
  }
  const episodes = (await readEpisodes(path, phase)).map(({ episode }) => episode)
  return { path, kind: 'run', pictureOf: async () => undefined, ...chosen(episodes, split, `phase ${phase}`) }
}

async function evaluated(directory: string, { phase, split = 'all' }: KeptChoice): Promise<KeptEpisodes> {
  if (phase !== undefined) {
    throw new UsageError(
      `--phase: expected a run directory, ${directory} is an evaluation; leave --phase out`,
    )
  }
  const { path, provenance, records } = await readEvaluation(directory)
  const episodes = [...records.values()].flatMap((record) =>
    record.kind === 'episode' ? record.episode : [],
  )
  return {
    path,
    kind: 'evaluation',
    pictureOf: picturesIn(path),
    ...chosen(episodes, split, provenance.suite),
  }
}

function chosen(episodes: Episode[], split: Split | 'all', source: string) {
  if (split === 'all') return { source, episodes }
  return {
    source: `${source}, ${split} split`,
    episodes: episodes.filter(({ task }) => task.embedded?.split === split),
  }
}

/** As lib/evaluation/folder.ts names them. */
function picturesIn(path: string): PictureOf {
  return ({ id }, step) =>
    readFile(join(path, 'screenshots', id, `${String(step).padStart(2, '0')}.png`)).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      },
    )
}
