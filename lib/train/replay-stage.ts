/**
 * Past successes that join a phase (paper Alg. 2): ranked by the current policy's own certainty, kept when the
 * rank lies in the band, never more than a multiple of the phase's own data.
 */
import type { Episode } from '../agent/episode.ts'
import { offsetsOf } from '../learn/arrays.ts'
import { segmentRanks } from '../learn/perplexity.ts'
import { ReplayBuffer, type ReplayEntry, selectActions, selectTrajectories } from '../learn/replay.ts'
import { actionLogprobs } from './scoring.ts'
import type { Trainer } from './trainer.ts'

interface Entry extends ReplayEntry {
  episode: Episode
}

export interface Replayed {
  episodes: Episode[]
  /** Per episode, which of its steps are learned from, [steps] of 0/1. */
  masks: Uint8Array[]
}

export class ExperienceReplay {
  readonly #buffer: ReplayBuffer<Entry>

  constructor(options: { capacity: number; onePerTask: boolean }) {
    this.#buffer = new ReplayBuffer<Entry>(options)
  }

  /** Keeps the successes among these episodes. */
  add(episodes: readonly Episode[]): void {
    this.#buffer.add(
      episodes
        .filter((episode) => episode.judgement.score >= 1 && episode.steps.length > 0)
        .map((episode) => ({
          id: episode.id,
          taskKey: String(episode.task.task_id),
          steps: episode.steps.length,
          episode,
        })),
    )
  }

  async select(trainer: Trainer, phase: number, current: readonly Episode[]): Promise<Replayed> {
    const { replay, run } = trainer.config
    const entries = this.#buffer.entries
    if (!replay.enabled || entries.length === 0) return { episodes: [], masks: [] }
    return trainer.stage('replay', phase, { total: entries.length, unit: 'episodes' }, async () => {
      trainer.generation.close()
      const steps = entries.flatMap(({ episode }) => episode.steps)
      const { logprobs, offsets } = await actionLogprobs(trainer.actor, steps, {
        ...trainer.scoring(),
        temperature: 1,
      })
      const episodeOffsets = offsetsOf(entries.map((entry) => entry.steps))
      const selection = {
        band: replay.band,
        maxSteps: Math.floor(replay.cap * current.reduce((sum, episode) => sum + episode.steps.length, 0)),
        exclude: new Set(current.map((episode) => episode.id)),
        seed: run.seed + phase,
      }
      const chosen =
        replay.unit === 'trajectory'
          ? selectTrajectories(
              entries,
              segmentRanks(
                logprobs,
                episodeOffsets.map((i) => offsets[i] as number),
              ),
              selection,
            )
          : selectActions(entries, perEpisode(segmentRanks(logprobs, offsets), episodeOffsets), selection)
      return {
        result: { episodes: chosen.map(({ entry }) => entry.episode), masks: chosen.map(({ mask }) => mask) },
        metrics: { held: entries.length, replayed: chosen.length },
      }
    })
  }
}

function perEpisode(ranks: Float64Array, offsets: Int32Array): Float64Array[] {
  return Array.from({ length: offsets.length - 1 }, (_, e) => ranks.subarray(offsets[e], offsets[e + 1]))
}
