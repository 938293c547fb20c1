/**
 * The embedded sites on loopback for a real browser: one port, one host per site (shop.localhost:PORT), and one
 * World per browser context, chosen by a cookie. `/__world/SEED` starts a fresh world, sets the cookie on that
 * host and leads to `?to=PATH`; a request without a cookie plays in world 0 of its own, newly named.
 */
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { SITE_NAMES, type SiteName } from '../tasks/task.ts'
import type { Origins, World } from './kit.ts'
import type { EmbeddedWeb } from './registry.ts'
import { createWorld } from './world.ts'

export interface SiteServer {
  port: number
  origins: Origins
  /** A fresh world under a key that contexts may share across hosts: open(origin + entry(key, path)). */
  createWorld(seed: number): { key: string; world: World }
  /** Address that binds a browser context to a world on the host of `site`, then shows `path`. */
  entry(site: SiteName, key: string, path?: string): string
  /** Cookies that bind a browser context to a world on every host, in the form browsers' storage states have. */
  cookies(key: string): WorldCookie[]
  /** The world of a key, for milestone oracles. */
  world(key: string): World | undefined
  /** Forgets a world; its cookies then lead to a fresh one. */
  release(key: string): void
  close(): Promise<void>
}

export interface WorldCookie {
  name: string
  value: string
  domain: string
  path: string
  /** -1: until the context ends. */
  expires: number
  httpOnly: boolean
  secure: boolean
  sameSite: 'Lax'
}

export interface ServeOptions {
  /** 0 picks a free one. */
  port?: number
  /** Worlds kept at once; the one unused for longest is forgotten first. */
  maxWorlds?: number
  /** How long to wait for the port, and for connections to end on close. */
  timeoutMs?: number
}

const COOKIE = 'world'

export async function serveSites(web: EmbeddedWeb, options: ServeOptions = {}): Promise<SiteServer> {
  const { port: wanted = 0, maxWorlds = 1024, timeoutMs = 5000 } = options
  const worlds = new Map<string, World>()
  let origins = originsAt(wanted)

  const keep = (key: string, world: World): World => {
    worlds.delete(key)
    worlds.set(key, world)
    const oldest = worlds.keys().next()
    if (worlds.size > maxWorlds && !oldest.done) worlds.delete(oldest.value)
    return world
  }
  const fresh = (seed: number, key: string = randomUUID()) => ({ key, world: keep(key, createWorld(seed)) })

  async function handle(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const entry = /^\/__world\/(?:key\/([\w-]{1,64})|(\d{1,9}))$/.exec(url.pathname)
    if (entry) {
      const key = entry[1] ?? fresh(Number(entry[2])).key
      if (!worlds.has(key))
        return new Response('this world is gone; start one at /__world/SEED', { status: 404 })
      const to = url.searchParams.get('to') ?? '/'
      // Only a path: an entry link must not lead to another host.
      const location = to.startsWith('/') && !to.startsWith('//') ? to : '/'
      return withCookie(new Response(null, { status: 303, headers: { location } }), key)
    }
    const key = cookieOf(request)
    const known = key === undefined ? undefined : worlds.get(key)
    const { key: used, world } = key !== undefined && known ? { key, world: keep(key, known) } : fresh(0)
    const response = await web.fetch(request, { world, origins })
    return used === key ? response : withCookie(new Response(response.body, response), used)
  }

  const { server, port } = await new Promise<{ server: ReturnType<typeof serve>; port: number }>(
    (resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(new Error(`the embedded sites were not listening on port ${wanted} after ${timeoutMs} ms`)),
        timeoutMs,
      )
      const listening = serve({ fetch: handle, port: wanted, hostname: '127.0.0.1' }, (info: AddressInfo) => {
        clearTimeout(timer)
        resolve({ server: listening, port: info.port })
      })
      listening.once('error', (cause: Error) => {
        clearTimeout(timer)
        reject(
          new Error(`the embedded sites cannot listen on 127.0.0.1:${wanted}; choose another port`, {
            cause,
          }),
        )
      })
    },
  )
  origins = originsAt(port)

  return {
    port,
    origins,
    createWorld: (seed) => fresh(seed),
    entry: (site, key, path = '/') => `${origins[site]}/__world/key/${key}?to=${encodeURIComponent(path)}`,
    cookies: (value) =>
      SITE_NAMES.map((site) => ({
        name: COOKIE,
        value,
        domain: new URL(origins[site]).hostname,
        path: '/',
        expires: -1,
        httpOnly: true,
        secure: false,
        sameSite: 'Lax',
      })),
    world: (key) => worlds.get(key),
    release: (key) => void worlds.delete(key),
    close: () =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`the embedded sites' connections did not end within ${timeoutMs} ms`)),
          timeoutMs,
        )
        server.close((error?: Error) => {
          clearTimeout(timer)
          if (error) reject(error)
          else resolve()
        })
        // Idle keep-alive connections would hold the port until the browser lets go.
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}

function originsAt(port: number): Origins {
  return Object.fromEntries(SITE_NAMES.map((name) => [name, `http://${name}.localhost:${port}`])) as Origins
}

function cookieOf(request: Request): string | undefined {
  return new RegExp(`(?:^|;\\s*)${COOKIE}=([\\w-]{1,64})`).exec(request.headers.get('cookie') ?? '')?.[1]
}

function withCookie(response: Response, key: string): Response {
  response.headers.append('set-cookie', `${COOKIE}=${key}; Path=/; HttpOnly; SameSite=Lax`)
  return response
}
