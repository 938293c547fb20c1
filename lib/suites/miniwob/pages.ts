/**
 * The pages of MiniWoB++ (https://miniwob.farama.org), which the user has: at a URL that is served already, or in a
 * folder that is then served on the loopback interface, so that no browser needs access to files. Also the names of
 * the tasks there are.
 */
import { readdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { SuiteInputError } from '../errors.ts'

export interface MiniwobPages {
  /** Address of the folder of task pages, with a slash at its end. */
  baseUrl: string
  /** Names of the task pages, sorted. */
  names: readonly string[]
  close(): Promise<void>
}

/** Pages whose reward depends on timing or on holding the mouse still; no published benchmark plays them. */
const TIMING_PAGES: ReadonlySet<string> = new Set([
  'button-delay',
  'chase-circle',
  'hover-shape',
  'moving-items',
  'simon-says',
])

export interface PagesOptions {
  /** Names of the tasks; needed only where a server does not list its folder. */
  names?: readonly string[]
  /** Also the five pages that need exact timing. Default false. */
  timing?: boolean
}

/** What a user sets: MINIWOB_URL, as for the Python packages, or undefined. */
export function miniwobSource(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  return environment.MINIWOB_URL?.trim() || environment.MIRA_MINIWOB?.trim() || undefined
}

/**
 * Opens `source`: an http(s) or file URL, or a path, of the folder html/miniwob of MiniWoB++ or of one above it
 * (html, the Python package, or where its zip file was unpacked).
 */
export async function openPages(source: string, options: PagesOptions = {}): Promise<MiniwobPages> {
  const isHttp = /^https?:/i.test(source)
  const pages = isHttp ? await listedPages(source, options.names) : await servedPages(source)
  const wanted = options.names ? new Set(options.names) : undefined
  const unknown = [...(wanted ?? [])].filter((name) => !pages.names.includes(name))
  if (unknown.length > 0) {
    await pages.close()
    throw new SuiteInputError(
      `MiniWoB++ at ${source} has no task ${unknown.join(', ')}; it has ${pages.names.length} others`,
    )
  }
  const keep = (name: string) => (wanted ? wanted.has(name) : options.timing || !TIMING_PAGES.has(name))
  return { ...pages, names: pages.names.filter(keep) }
}

async function servedPages(source: string): Promise<MiniwobPages> {
  const folder = await taskFolder(
    source.startsWith('file:') ? fileURLToPath(source) : resolve(source),
    source,
  )
  const names = (await readdir(folder))
    .filter((name) => name.endsWith('.html'))
    .map((name) => basename(name, '.html'))
  // The pages take their scripts from ../core and ../common, so the folder above is served.
  const app = new Hono()
  app.get('*', serveStatic({ root: dirname(folder) }))
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
  await new Promise<void>((ready, failed) => server.once('listening', ready).once('error', failed))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}/${basename(folder)}/`,
    names: names.sort(),
    close: () =>
      new Promise((ended) => {
        server.close(() => ended())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}

/** The folder of task pages itself, or inside html or inside the package. */
async function taskFolder(path: string, source: string): Promise<string> {
  for (const inside of ['.', 'miniwob', 'html/miniwob', 'miniwob/html/miniwob']) {
    const folder = join(path, inside)
    const names = await readdir(folder).catch((): string[] => [])
    if (names.includes('click-test.html')) return folder
  }
  throw new SuiteInputError(
    `no MiniWoB++ task pages are at ${source}: give the folder html/miniwob of the package, which \`pip download --no-deps miniwob\` brings as a zip file`,
  )
}

async function listedPages(source: string, given: readonly string[] | undefined): Promise<MiniwobPages> {
  const baseUrl = source.endsWith('/') ? source : `${source}/`
  const close = async () => {}
  if (given) return { baseUrl, names: [...given].sort(), close }
  const names = await fetch(baseUrl, { signal: AbortSignal.timeout(30_000) })
    .then(async (response) =>
      response.ok ? [...(await response.text()).matchAll(/href="([\w-]+)\.html"/g)] : [],
    )
    .catch((cause: unknown) => {
      throw new SuiteInputError(`MiniWoB++ cannot be reached at ${baseUrl}: ${(cause as Error).message}`, {
        cause,
      })
    })
  if (names.length === 0) {
    throw new SuiteInputError(
      `the server at ${baseUrl} lists no task pages; name the tasks to be played, or give the folder's path`,
    )
  }
  return { baseUrl, names: [...new Set(names.map((match) => match[1] as string))].sort(), close }
}
