/**
 * What the embedded policy needs beyond solvable tasks, as a vitest suite over some templates: short pages, no
 * element name that means two things where the expert uses it, and every name of the instruction in quotes.
 */
import { describe, expect, test } from 'vitest'
import { embeddedBackend } from '../../lib/sites/backend.ts'
import { play } from '../../lib/sites/demonstrations.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import type { Template } from '../../lib/sites/kit.ts'
import { buildSuite, taskFrom } from '../../lib/sites/suite.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { inProcessDriver } from '../../lib/web/in-process.ts'

const SEEDS = [11, 222, 3333, 44444]
/** Tags, words and marks of an observation: about the number of tokens the embedded policy reads. */
const LONGEST_PAGE = 72

export const sizeOf = (page: string): number =>
  page.match(/<\/?[a-z0-9]+[^>]*>|[a-z0-9]+|[^\s\w]/gi)?.length ?? 0

export function readableSuite(templates: readonly Template[]): void {
  const driver = inProcessDriver(embeddedBackend(embeddedWeb))

  describe.each(templates.map((template) => [template.id, template] as const))('%s', (_id, template) => {
    test('pages are short and every element the expert uses has a name of its own', async () => {
      for (const seed of SEEDS) {
        const made = taskFrom(template, seed)
        const { steps } = await play(driver, made, template.expert(createWorld(seed), made.params), 'name')
        for (const { observation, action } of steps) {
          expect(sizeOf(observation.text), observation.text).toBeLessThanOrEqual(LONGEST_PAGE)
          if (!('element' in action)) continue
          const same = observation.elements.filter((element) => element.name === action.element)
          expect(same.length, `${action.element} in ${observation.text}`).toBe(1)
        }
      }
    })

    test('the instruction quotes every name and ends as a sentence', () => {
      for (const seed of SEEDS) {
        const { task, params } = taskFrom(template, seed)
        expect(task.intent).toMatch(/[.?]$/)
        for (const value of Object.values(params)) {
          expect(task.intent).toContain(typeof value === 'string' ? `"${value}"` : String(value))
        }
      }
    })

    test('every split has tasks', () => {
      for (const split of template.novel
        ? (['novel'] as const)
        : (['train', 'validation', 'test'] as const)) {
        expect(buildSuite({ templates: [template], split, count: 2, seed: 1 })).toHaveLength(2)
      }
    })
  })
}
