/** The page's stylesheet, and the part of it that names colours. */
import { readFileSync } from 'node:fs'

export const PAGE_CSS = readFileSync(new URL('./page.css', import.meta.url), 'utf8')

/** From the first rule to the end of the dark scheme: :root with its custom properties, nothing else. */
export const PALETTE_CSS = PAGE_CSS.slice(PAGE_CSS.indexOf(':root'), PAGE_CSS.indexOf('\n* {')).trim()
