/** What the map's templates share: the place the parameters name, the clicks to it, and the usual questions. */
import type { ProgramHtml } from '../../../tasks/task.ts'
import type { Action } from '../../../web/action.ts'
import { at, click, search, textIs, turnTo } from '../../authoring.ts'
import type { OracleView, Origins, Params, World } from '../../kit.ts'
import { PAGE_SIZE } from '../../layout.tsx'
import type { Kind, Place } from '../data.ts'
import { mapOf, placeNamed, placesOf, ranked, slug } from '../state.ts'

/** A parameter as text. */
export const word = (params: Params, name: string): string => String(params[name])

/** The place a parameter ("place" unless told) names. */
export function place(world: World, p: Params, key = 'place'): Place {
  const found = placeNamed(mapOf(world), word(p, key))
  if (!found) throw new Error(`the map of world ${world.seed} has no place "${p[key]}"`)
  return found
}

/** From the home page through the list of its kind. */
export function toPlace(world: World, p: Params): Action[] {
  const { kind, name } = place(world, p)
  const index = placesOf(mapOf(world), kind).findIndex((one) => one.name === name)
  return [click(kind), ...turnTo(index, PAGE_SIZE), click(name)]
}

/** The same by searching. */
export const findPlace = (p: Params): Action[] => [
  search('search', word(p, 'place')),
  click(word(p, 'place')),
]

export const placeUrl = (origins: Origins, name: string, rest = ''): string =>
  `${origins.map}/place/${slug(name)}${rest}`

/** The user has changed exactly `n` things on this map. */
export const changed = (origins: Origins, n: number): ProgramHtml =>
  textIs(`${origins.map}/account`, '#changes', n)

export const onPlace = (view: OracleView, name: string, rest = ''): boolean =>
  at(view, 'map', `/place/${slug(name)}${rest}`)

/** The list of a kind, whichever page or order of it. */
export const inKind = (view: OracleView, kind: Kind | string): boolean =>
  at(view, 'map', new RegExp(`^/kind/${kind}(\\?|$)`))

export const inSearch = (view: OracleView): boolean => at(view, 'map', /^\/search\?/)

/** The route between the two named places is shown. */
export const onRoute = (view: OracleView, from: string, to: string): boolean =>
  at(view, 'map', `/route?${new URLSearchParams({ from, to })}`)

export const kind = (p: Params): Kind => word(p, 'kind') as Kind

/** The best rated place of the kind the parameters name. */
export const bestOf = (world: World, p: Params): Place => ranked(placesOf(mapOf(world), kind(p)))[0] as Place
