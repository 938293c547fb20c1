/** Tasks over two sites: their templates, and that every site's home page leads to every other site. */
import { describe, expect, test } from 'vitest'
import { templates } from '../../lib/sites/cross/index.ts'
import { embeddedWeb } from '../../lib/sites/embedded.ts'
import { IN_PROCESS_ORIGINS } from '../../lib/sites/registry.ts'
import { createWorld } from '../../lib/sites/world.ts'
import { SITE_NAMES } from '../../lib/tasks/task.ts'
import { readableSuite } from './templates.ts'

readableSuite(templates)

describe('links between sites', () => {
  test.each(SITE_NAMES)('%s leads to the four others, wherever they are served', async (name) => {
    const elsewhere = { ...IN_PROCESS_ORIGINS, map: 'http://map.localhost:8123' }
    const response = await embeddedWeb.fetch(new Request(`${IN_PROCESS_ORIGINS[name]}/`), {
      world: createWorld(1),
      origins: elsewhere,
    })
    const html = await response.text()
    for (const other of SITE_NAMES) {
      expect(html.includes(`href="${elsewhere[other]}/"`), other).toBe(other !== name)
    }
  })

  test('every template names the sites it needs, the first being where it starts', () => {
    for (const template of templates) {
      expect(template.sites).toHaveLength(2)
      expect(new Set(template.sites).size).toBe(2)
    }
  })
})
