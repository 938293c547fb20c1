/**
 * Reading a run, while it is written or afterwards: events, episodes and environment. Changes nothing in it.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeLine, type EpisodeRecord } from './episodes.ts'
import { RunError } from './errors.ts'
import type { RecordedEvent } from './events.ts'
import { readJsonl } from './jsonl.ts'

/**
 * Events in order. What an interrupted phase said before the run was resumed is left out unless `all`: its
 * phase was played again and would count twice.
 */
export async function readEvents(
  directory: string,
  options: { all?: boolean } = {},
): Promise<RecordedEvent[]> {
  let events: RecordedEvent[] = []
  for await (const value of readJsonl(join(directory, 'metrics.jsonl'))) {
    const event = value as RecordedEvent
    if (typeof event?.type !== 'string') {
      throw new RunError(
        'ERR_RUN_FORMAT',
        `${join(directory, 'metrics.jsonl')}: expected events with a type, received ${JSON.stringify(value).slice(0, 80)}`,
      )
    }
    if (event.type === 'run' && event.resumedAfterPhase !== undefined && !options.all) {
      const last = event.resumedAfterPhase
      events = events.filter((earlier) => !('phase' in earlier) || earlier.phase <= last)
    }
    events.push(event)
  }
  return events
}

/** Phases that have episodes, ascending. */
export async function episodePhases(directory: string): Promise<number[]> {
  const folder = join(directory, 'episodes')
  if (!existsSync(folder)) return []
  const names = await readdir(folder)
  return names
    .flatMap((name) => /^phase-(\d+)\.jsonl$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/**
 * Episodes of one phase in the order they were finished, with what learning saw in them. Later lines of an
 * episode replace earlier ones; learning without its episode is dropped.
 */
export async function readEpisodes(directory: string, phase: number): Promise<EpisodeRecord[]> {
  const path = join(directory, 'episodes', `phase-${phase}.jsonl`)
  const records = new Map<string, EpisodeRecord>()
  for await (const value of readJsonl(path)) {
    const line = decodeLine(value, path)
    if (line.kind === 'episode') {
      records.set(line.episode.id, { episode: line.episode })
    } else {
      const record = records.get(line.id)
      if (record) record.learning = line.steps
    }
  }
  return [...records.values()]
}

/** environment.json as written; empty when there is none. */
export async function readEnvironment(directory: string): Promise<Record<string, unknown>> {
  const path = join(directory, 'environment.json')
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  } catch (cause) {
    throw new RunError('ERR_RUN_FORMAT', `expected JSON in ${path}, received something else`, { cause })
  }
}
