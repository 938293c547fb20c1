/** What can be asked of the map and kept on it: search, distances, and the user's own marks. */
import type { World } from '../kit.ts'
import { type Atlas, type Kind, makeMap, type Mode, type Place } from './data.ts'

export function mapOf(world: World): Atlas {
  return world.state('map', makeMap)
}

export const slug = (name: string): string => name.replaceAll(' ', '-')

export const placeNamed = (atlas: Atlas, name: string): Place | undefined =>
  atlas.places.find((place) => place.name === name.trim().toLowerCase())

export const placesOf = (atlas: Atlas, kind: Kind): Place[] =>
  atlas.places.filter((place) => place.kind === kind)

/** Best rated first. */
export const ranked = (places: readonly Place[]): Place[] => places.toSorted((a, b) => b.rating - a.rating)

/** Places whose name or town contains every word of the query. */
export function find(atlas: Atlas, query: string): Place[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  return atlas.places.filter((place) => {
    const own = [...place.name.split(' '), place.town]
    return words.every((word) => own.includes(word))
  })
}

/** Minutes between two places: streets form a grid, a block is 2 minutes on foot and half a minute by car. */
export function minutes(from: Place, to: Place, mode: Mode): number {
  const blocks = Math.abs(from.x - to.x) + Math.abs(from.y - to.y)
  return mode === 'walk' ? 2 * blocks : 1 + Math.floor(blocks / 2)
}

/** The other places, nearest on foot first (ties by name). */
export function nearby(atlas: Atlas, place: Place, kind?: Kind): Place[] {
  return atlas.places
    .filter((other) => other !== place && (!kind || other.kind === kind))
    .sort((a, b) => minutes(place, a, 'walk') - minutes(place, b, 'walk') || a.name.localeCompare(b.name))
}

export function save(atlas: Atlas, place: Place, on: boolean): void {
  if (place.saved === on) return
  place.saved = on
  // Saving what the world began with unsaved, and the reverse, are the two changes; a second one takes it back.
  if (atlas.changes.has(`save ${place.name}`)) atlas.changes.undo(`save ${place.name}`)
  else atlas.changes.set(`save ${place.name}`)
}

export function setSpot(atlas: Atlas, spot: 'home' | 'work', place: Place): void {
  atlas[spot] = place.name
  atlas.changes.set(spot)
}

export function setNote(atlas: Atlas, place: Place, note: string): void {
  place.note = note
  atlas.changes.setting(`note ${place.name}`, note, '')
}

export function review(atlas: Atlas, place: Place, stars: number, text: string): void {
  place.review = { stars, text }
  atlas.changes.set(`review ${place.name}`)
}

export function saveRoute(atlas: Atlas, from: Place, to: Place, mode: Mode): void {
  const route = `${mode} ${from.name} / ${to.name}`
  if (!atlas.routes.includes(route)) atlas.routes.unshift(route)
  atlas.changes.set(`route ${route}`)
}
