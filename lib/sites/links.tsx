/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The bar of links to the other sites; it stands on each site's home page only, to keep inner pages short. */
import { SITE_NAMES, type SiteName } from '../tasks/task.ts'
import type { Origins } from './kit.ts'

export function SiteLinks(props: { here: SiteName; origins: Origins }) {
  return (
    <footer>
      {SITE_NAMES.filter((name) => name !== props.here).map((name) => (
        <a href={`${props.origins[name]}/`}>{name}</a>
      ))}
    </footer>
  )
}
