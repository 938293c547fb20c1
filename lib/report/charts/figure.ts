/**
 * Draws one Observable Plot chart to a static SVG string, with an accessible name and description.
 * Colours are CSS variables of the page (page.css), so that one drawing serves light and dark.
 */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

export interface FigureOptions extends Plot.PlotOptions {
  width: number
  height: number
  /** Short name, read out first. */
  title: string
  /** What the chart shows, in words: the alternative text. */
  description: string
}

/** Roles of colour, Okabe and Ito's palette: distinguishable with every common colour blindness. */
export const COLOURS = {
  blue: 'var(--blue)',
  orange: 'var(--orange)',
  green: 'var(--green)',
  purple: 'var(--purple)',
  ink: 'var(--ink)',
  soft: 'var(--soft)',
  rule: 'var(--rule)',
  surface: 'var(--surface)',
} as const

/** Order in which unnamed series take colours. */
export const SERIES_COLOURS = [COLOURS.blue, COLOURS.orange, COLOURS.green, COLOURS.purple] as const

/** The SVG element as text, safe to place in HTML: Plot and linkedom escape every text they are given. */
export function figure(options: FigureOptions): string {
  const { title, description, ...plot } = options
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const element = Plot.plot({
    ...plot,
    document: document as unknown as Document,
    style: { background: 'transparent', color: COLOURS.soft, fontSize: '11px' },
  })
  element.removeAttribute('aria-label')
  element.removeAttribute('aria-description')
  element.setAttribute('role', 'img')
  element.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const name = document.createElementNS('http://www.w3.org/2000/svg', 'title')
  name.textContent = title
  const alternative = document.createElementNS('http://www.w3.org/2000/svg', 'desc')
  alternative.textContent = description
  element.prepend(name as unknown as Node, alternative as unknown as Node)
  return element.outerHTML
}

/** "34%", "0.4%": shares as people read them. */
export function percent(share: number, digits = 0): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(digits)}%` : '–'
}

/** Three significant digits without exponent where that is shorter. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size !== 0 && (size < 0.001 || size >= 100000)) return value.toExponential(1)
  return String(Number(value.toPrecision(3)))
}
