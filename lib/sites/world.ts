/**
 * A World: all state one episode can see or change, made from a seed. Each site's data are generated at the
 * first request that needs them, so opening a world costs microseconds.
 */
import type { SiteName } from '../tasks/task.ts'
import type { Rng, World } from './kit.ts'
import { createRng } from './rng.ts'

export function createWorld(seed: number): World {
  const rng = createRng(`world/${seed}`)
  const states = new Map<SiteName, unknown>()
  return {
    seed,
    rng,
    session: new Map(),
    state<S>(site: SiteName, make: (rng: Rng) => S): S {
      if (!states.has(site)) states.set(site, make(rng.fork(site)))
      return states.get(site) as S
    },
  }
}
