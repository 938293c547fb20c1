/**
 * The buffer of past successes and what of it joins a phase's own data (paper Alg. 2, A.5.2; the cap and one
 * trajectory per task from WebRL). Holds references to episodes, never their token scores: ranks are those of
 * the current policy and come in at selection.
 */
import { at, expectLength, LearnError } from './arrays.ts'
import { inRankBand, type RankBand } from './perplexity.ts'
import { seededRandom } from './random.ts'

export interface ReplayEntry {
  /** Episode id; a second entry with the same id is ignored. */
  id: string
  /** What counts as one task for `onePerTask`. */
  taskKey: string
  /** Transitions of the episode. */
  steps: number
}

export interface ReplayOptions {
  /** Episodes held; the oldest leave first. */
  capacity: number
  /** Keep only the latest success of each task. */
  onePerTask: boolean
}

export interface ReplaySelection<E> {
  entry: E
  /** Steps to replay, [steps] of 0/1; all ones for the trajectory unit. */
  mask: Uint8Array
}

export class ReplayBuffer<E extends ReplayEntry> {
  readonly #options: ReplayOptions
  readonly #entries = new Map<string, E>()

  constructor(options: ReplayOptions) {
    if (!(options.capacity >= 1)) {
      throw new LearnError('ERR_VALUE', `expected a capacity of at least 1, received ${options.capacity}`)
    }
    this.#options = options
  }

  /** Adds successes, oldest first; the caller leaves failures out. */
  add(entries: Iterable<E>): void {
    for (const entry of entries) {
      if (this.#entries.has(entry.id)) continue
      if (this.#options.onePerTask) {
        for (const held of this.#entries.values()) {
          if (held.taskKey === entry.taskKey) this.#entries.delete(held.id)
        }
      }
      this.#entries.set(entry.id, entry)
      if (this.#entries.size > this.#options.capacity) {
        const oldest = this.#entries.keys().next().value
        if (oldest !== undefined) this.#entries.delete(oldest)
      }
    }
  }

  /** Oldest first. */
  get entries(): E[] {
    return [...this.#entries.values()]
  }

  get size(): number {
    return this.#entries.size
  }
}

export interface SelectionOptions {
  band: RankBand
  /** Transitions replayed at most; WebRL: twice the current interaction data. */
  maxSteps: number
  /** Ids of the current phase's episodes: D_train is a set union (Alg. 2). */
  exclude: ReadonlySet<string>
  seed: number
}

/**
 * Past successes whose trajectory rank lies in the band, in seeded random order until `maxSteps` is reached. An
 * episode that would pass the limit is left out whole and smaller ones still get their chance.
 * @param ranks Rank of each entry under the current policy, [entries]
 */
export function selectTrajectories<E extends ReplayEntry>(
  entries: readonly E[],
  ranks: ArrayLike<number>,
  options: SelectionOptions,
): ReplaySelection<E>[] {
  expectLength('ranks', ranks, entries.length)
  const masks = entries.map((entry, i) =>
    new Uint8Array(entry.steps).fill(inRankBand(at(ranks, i), options.band) ? 1 : 0),
  )
  return take(entries, masks, options)
}

/**
 * WebRL's form: single actions whose own rank lies in the band.
 * @param ranks Rank of each action of each entry, [entries][steps]
 */
export function selectActions<E extends ReplayEntry>(
  entries: readonly E[],
  ranks: readonly ArrayLike<number>[],
  options: SelectionOptions,
): ReplaySelection<E>[] {
  expectLength('ranks', ranks, entries.length)
  const masks = entries.map((entry, i) => {
    const own = ranks[i] as ArrayLike<number>
    expectLength(`ranks[${i}]`, own, entry.steps)
    return Uint8Array.from(own, (rank) => (inRankBand(rank, options.band) ? 1 : 0))
  })
  return take(entries, masks, options)
}

function take<E extends ReplayEntry>(
  entries: readonly E[],
  masks: readonly Uint8Array[],
  options: SelectionOptions,
): ReplaySelection<E>[] {
  const order = seededRandom(options.seed).shuffle(entries.map((_, i) => i))
  const chosen: ReplaySelection<E>[] = []
  let steps = 0
  for (const i of order) {
    const entry = entries[i] as E
    const mask = masks[i] as Uint8Array
    const size = mask.reduce((sum, kept) => sum + kept, 0)
    if (size === 0 || options.exclude.has(entry.id) || steps + size > options.maxSteps) continue
    chosen.push({ entry, mask })
    steps += size
  }
  return chosen
}
