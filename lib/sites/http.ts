/**
 * How a site is written: a hono app whose only state is the World in its environment. Made once per process,
 * it serves any number of worlds.
 */
import { type Context, Hono } from 'hono'
import type { SiteName } from '../tasks/task.ts'
import type { Origins, Site, World } from './kit.ts'

export interface SiteEnv {
  Bindings: { world: World; origins: Origins }
}
export type SiteContext = Context<SiteEnv>
export type SiteApp = Hono<SiteEnv>

export function siteApp(): SiteApp {
  return new Hono<SiteEnv>()
}

/** The contract form of a hono app. */
export function siteOf(name: SiteName, app: SiteApp): Site {
  return { name, fetch: (request, env) => app.fetch(request, env) }
}

/** Renders a page component (synchronous components only). */
export function html(
  c: SiteContext,
  page: { toString(): string | Promise<string> },
  status: 200 | 400 | 404 = 200,
) {
  return c.body(`<!doctype html>${page.toString()}`, status, { 'content-type': 'text/html; charset=utf-8' })
}

/** After a POST: go to `path` with GET. */
export function seeOther(c: SiteContext, path: string): Response {
  return c.redirect(path, 303)
}

/** The fields of an urlencoded POST body. */
export async function form(c: SiteContext): Promise<URLSearchParams> {
  return new URLSearchParams(await c.req.text())
}

/** A whole number from a path, query or form field, or NaN. */
export function whole(text: string | null | undefined): number {
  return text !== null && text !== undefined && /^\d{1,9}$/.test(text.trim())
    ? Number(text.trim())
    : Number.NaN
}
