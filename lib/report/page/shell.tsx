/**
 * One self-contained HTML document around a report's sections. Loads nothing (its own security policy forbids it),
 * works without JavaScript except for browsing episodes, and escapes every text of the run.
 */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import type { SampleEpisode } from '../data.ts'
import { episodePayload } from './episodes.tsx'
import { PAGE_CSS } from './style.ts'

const SCRIPT = readFileSync(new URL('./browser.js', import.meta.url), 'utf8')

/** @param content Masthead and main#content; an episode browser in it shows `episodes` */
export function htmlDocument(name: string, content: Child, episodes: SampleEpisode[]): string {
  const policy = [
    "default-src 'none'",
    `style-src 'unsafe-inline'`,
    `script-src '${sha256(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content={policy} />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${name} · mira report`}</title>
        <style>{raw(PAGE_CSS)}</style>
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to the results
        </a>
        {content}
        <script type="application/json" id="episode-data">
          {raw(episodePayload(episodes))}
        </script>
        <script>{raw(SCRIPT)}</script>
      </body>
    </html>
  )
  return `<!doctype html>${page.toString()}\n`
}

function sha256(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
