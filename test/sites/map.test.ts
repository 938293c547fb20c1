/** The map: its templates, and distances as an independent count of blocks says. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TOWNS } from '../../lib/sites/lexicon.ts'
import * as map from '../../lib/sites/map/index.ts'
import { find, mapOf, minutes, nearby, save } from '../../lib/sites/map/state.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { readableSuite } from './templates.ts'

readableSuite(map.templates)

describe('map rules', () => {
  test('distances are symmetric, positive and keep the triangle inequality on foot', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(23), fc.nat(23), fc.nat(23), (seed, i, j, k) => {
        const { places } = mapOf(createWorld(seed))
        const [a, b, c] = [places[i], places[j], places[k]]
        if (!a || !b || !c) throw new Error('a world has 24 places')
        expect(minutes(a, b, 'walk')).toBe(minutes(b, a, 'walk'))
        expect(minutes(a, c, 'walk')).toBeLessThanOrEqual(minutes(a, b, 'walk') + minutes(b, c, 'walk'))
        if (a !== b) {
          expect(minutes(a, b, 'walk')).toBeGreaterThan(minutes(a, b, 'drive'))
          expect(minutes(a, b, 'walk')).toBeLessThan(100)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('the nearest places are no farther than any other', () => {
    const atlas = mapOf(createWorld(8))
    for (const place of atlas.places) {
      const near = nearby(atlas, place, 'food')
      const all = atlas.places.filter((other) => other !== place && other.kind === 'food')
      expect(minutes(place, near[0] as never, 'walk')).toBe(
        Math.min(...all.map((o) => minutes(place, o, 'walk'))),
      )
    }
  })

  test('every town has a place, and no page of results is longer than a page', () => {
    for (let seed = 0; seed < 30; seed++) {
      for (const town of TOWNS) {
        const found = find(mapOf(createWorld(seed)), town)
        expect(found.length).toBeGreaterThan(0)
        expect(found.length).toBeLessThanOrEqual(2)
      }
    }
  })

  test('saving and unsaving again is no change', () => {
    const atlas = mapOf(createWorld(1))
    for (const place of atlas.places) {
      const before = place.saved
      save(atlas, place, !before)
      expect(atlas.changes.count).toBe(1)
      save(atlas, place, before)
      expect(atlas.changes.count).toBe(0)
    }
  })
})
