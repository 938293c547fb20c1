/**
 * Puts the sites together: one web that answers requests by host, and the table of all templates. A site folder
 * exports `site` and `templates` from its index.ts; cross exports `templates` only.
 */
import { SITE_NAMES, type SiteName } from '../tasks/task.ts'
import { siteAt } from './authoring.ts'
import type { Origins, Site, Template, World } from './kit.ts'

export interface SiteModule {
  site?: Site
  templates: readonly Template[]
}

export interface EmbeddedWeb {
  sites: ReadonlyMap<SiteName, Site>
  templates: ReadonlyMap<string, Template>
  /** Throws for a template that does not exist. */
  template(id: string): Template
  /** 404 for a host that is none of the sites. */
  fetch(request: Request, env: { world: World; origins: Origins }): Response | Promise<Response>
}

/** Hosts of the in-process web; they exist nowhere else. */
export const IN_PROCESS_ORIGINS: Origins = Object.freeze(
  Object.fromEntries(SITE_NAMES.map((name) => [name, `http://${name}.test`])) as Origins,
)

export function assemble(modules: readonly SiteModule[]): EmbeddedWeb {
  const sites = new Map<SiteName, Site>()
  const templates = new Map<string, Template>()
  for (const module of modules) {
    if (module.site) sites.set(module.site.name, module.site)
    for (const template of module.templates) {
      if (templates.has(template.id))
        throw new Error(`two templates are called "${template.id}"; rename one of them`)
      templates.set(template.id, template)
    }
  }
  return {
    sites,
    templates,
    template(id) {
      const found = templates.get(id)
      if (!found) throw new Error(`there is no template "${id}"; known: ${[...templates.keys()].join(', ')}`)
      return found
    },
    fetch(request, env) {
      const name = siteAt(request.url)
      const site = name && sites.get(name)
      return site ? site.fetch(request, env) : new Response(`no site at ${request.url}`, { status: 404 })
    },
  }
}
