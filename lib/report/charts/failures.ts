/**
 * Failures by class as stacked bars, one bar per model or site, in shares of all traces as the paper counts them;
 * what is missing to the right of a bar succeeded.
 */
import * as Plot from '@observablehq/plot'
import { CLASS_TITLES, FAILURE_CLASSES, type FailureClass } from '../../analysis/failures/diagnosis.ts'
import type { FailureRow } from '../../analysis/failures/distribution.ts'
import { COLOURS, figure, percent } from './figure.ts'

export const CLASS_COLOURS: Record<FailureClass, string> = {
  'wrong-termination': COLOURS.orange,
  'stuck-midway': COLOURS.blue,
  'fail-attempt': COLOURS.purple,
  others: COLOURS.soft,
}

interface Part {
  name: string
  class: FailureClass
  share: number
  from: number
  to: number
  label: string
}

/** A part narrower than this has no room for its number. */
const ROOM = 0.06

/** @param what what a row is: "model", "site" */
export function failuresChart(rows: readonly FailureRow[], what: string): string {
  const parts = rows.flatMap((row) => {
    let from = 0
    return FAILURE_CLASSES.map((kind): Part => {
      const share = row.shareOfTraces[kind] ?? 0
      const label = `${row.name}, ${CLASS_TITLES[kind]}: ${percent(share, 1)} (${row.counts[kind]} of ${row.traces})`
      const part = { name: row.name, class: kind, share, from, to: from + share, label }
      from += share
      return part
    })
  })
  const longest = Math.max(0, ...rows.map(({ name }) => name.length))
  return figure({
    width: 760,
    height: 30 * rows.length + 74,
    marginLeft: Math.min(260, 16 + 6.4 * longest),
    marginRight: 20,
    marginTop: 34,
    marginBottom: 36,
    title: `Failures by ${what}`,
    description: `Shares of all traces. ${parts.map(({ label }) => label).join('; ')}.`,
    x: {
      domain: [0, Math.max(0.1, ...parts.map(({ to }) => to))],
      tickFormat: (share: number) => percent(share),
      label: 'share of all traces',
      labelAnchor: 'center',
      labelArrow: 'none',
      ticks: 5,
      tickSize: 0,
      grid: true,
    },
    y: { domain: rows.map(({ name }) => name), label: null, tickSize: 0, padding: 0.22 },
    marks: [
      ...FAILURE_CLASSES.map((kind, i) =>
        Plot.text([CLASS_TITLES[kind]], {
          frameAnchor: 'top-left',
          dx: 142 * i + 14,
          dy: -28,
          textAnchor: 'start',
          fill: COLOURS.ink,
          fontSize: 12,
          text: (title: string) => title,
        }),
      ),
      ...FAILURE_CLASSES.map((kind, i) =>
        Plot.dot([kind], {
          frameAnchor: 'top-left',
          dx: 142 * i + 6,
          dy: -22,
          r: 5,
          fill: CLASS_COLOURS[kind],
        }),
      ),
      Plot.barX(parts, {
        x1: 'from',
        x2: 'to',
        y: 'name',
        fill: (part: Part) => CLASS_COLOURS[part.class],
        title: 'label',
      }),
      Plot.text(
        parts.filter(({ share }) => share >= ROOM),
        {
          x: (part: Part) => (part.from + part.to) / 2,
          y: 'name',
          text: (part: Part) => percent(part.share),
          fill: COLOURS.surface,
          fontWeight: 600,
          fontSize: 11,
        },
      ),
      Plot.ruleX([0], { stroke: COLOURS.rule }),
    ],
  })
}
