/**
 * The map's data: places with their facts and positions, and what the user keeps about them. Every town has at
 * least one place, so that an address from another site leads somewhere.
 */
import { Changes } from '../changes.ts'
import { distinctNumbers, unsortedNumbers } from '../draws.ts'
import type { Rng } from '../kit.ts'
import { DIRECTIONS, PLACES, pairs, TOWNS } from '../lexicon.ts'

export type Kind = keyof typeof PLACES
export const KINDS = Object.keys(PLACES) as Kind[]
export const MODES = ['walk', 'drive'] as const
export type Mode = (typeof MODES)[number]

export interface Place {
  name: string
  kind: Kind
  town: string
  /** Two two-digit numbers: "41 55". */
  phone: string
  /** Full hours of the day. */
  opens: number
  closes: number
  /** Of 99; no two places of a kind share one. */
  rating: number
  /** Blocks. */
  x: number
  y: number
  saved: boolean
  note: string
  review?: { stars: number; text: string }
}

export interface Atlas {
  places: Place[]
  home: string
  work: string
  /** "walk north park / old cafe". */
  routes: string[]
  changes: Changes
}

const PER_KIND = 6
const GRID = 23

export function makeMap(rng: Rng): Atlas {
  const count = PER_KIND * KINDS.length
  const towns = rng.shuffle([...TOWNS, ...rng.shuffle(TOWNS).slice(0, count - TOWNS.length)])
  const phones = distinctNumbers(rng, 2 * count)
  const cells = distinctNumbers(rng, count, 0, GRID * GRID - 1)
  const places: Place[] = KINDS.flatMap((kind, k) => {
    const ratings = unsortedNumbers(rng, PER_KIND)
    const names = rng.shuffle(pairs(DIRECTIONS, PLACES[kind])).slice(0, PER_KIND)
    return names.map((name, i): Place => {
      const at = k * PER_KIND + i
      const cell = cells[at] as number
      return {
        name,
        kind,
        town: towns[at] as string,
        phone: `${phones[2 * at]} ${phones[2 * at + 1]}`,
        opens: 6 + rng.int(6),
        closes: 16 + rng.int(8),
        rating: ratings[i] as number,
        x: cell % GRID,
        y: Math.floor(cell / GRID),
        saved: false,
        note: '',
      }
    })
  })
  for (const place of rng.shuffle(places).slice(0, 4)) place.saved = true
  return { places, home: 'none', work: 'none', routes: [], changes: new Changes() }
}
