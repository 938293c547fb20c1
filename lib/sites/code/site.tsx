/** @jsxRuntime automatic @jsxImportSource hono/jsx */
/** The code host as a site: projects, issues and merge requests on one stateless app. */
import { siteApp, siteOf } from '../http.ts'
import { missing } from './frame.tsx'
import { projects } from './projects.tsx'
import { issues, merges } from './work.tsx'

const app = siteApp()
projects(app)
issues(app)
merges(app)
app.notFound((c) => missing(c))

export const site = siteOf('code', app)
