/** The map: its site and its task templates. */
import type { Template } from '../kit.ts'
import { bestPhone, closingHour, nearestPlace, phoneOf } from './templates/facts.ts'
import { noteBest, savePlace, setHome, unsavePlace, writeNote, writeReview } from './templates/places.ts'
import { commute, routeMinutes, saveNearest, saveRoute } from './templates/routes.ts'

export { site } from './site.tsx'

export const templates: readonly Template[] = [
  savePlace,
  unsavePlace,
  noteBest,
  setHome,
  writeNote,
  writeReview,
  phoneOf,
  closingHour,
  bestPhone,
  nearestPlace,
  routeMinutes,
  saveRoute,
  commute,
  saveNearest,
]
