/**
 * Curves over optimizer steps: losses, gradient norms and whatever else a panel brings. Raw values stay visible
 * behind a running mean, because a smooth line alone hides spikes.
 */
import * as Plot from '@observablehq/plot'
import type { Series, TrainingPanel } from '../data.ts'
import { COLOURS, figure, SERIES_COLOURS, short } from './figure.ts'

/** Share of the series under the running mean's window. */
const SMOOTHING = 0.04

export function trainingChart(panel: TrainingPanel): string {
  const series = panel.series.map(finite).filter(({ points }) => points.length > 0)
  return figure({
    width: 340,
    height: 190,
    marginLeft: 46,
    marginRight: 14,
    marginBottom: 34,
    marginTop: 12,
    title: `${panel.title}: ${panel.label}`,
    description: series.map(describe).join(' '),
    x: { label: 'optimizer step', labelArrow: 'none', ticks: 4, tickSize: 0 },
    y: {
      label: null,
      grid: true,
      ticks: 4,
      tickSize: 0,
      tickFormat: short,
      ...(panel.logarithmic ? { type: 'log' as const } : { nice: true }),
    },
    marks: series.flatMap(({ points }, index) => {
      const stroke = SERIES_COLOURS[index % SERIES_COLOURS.length]!
      const k = Math.max(1, Math.round(points.length * SMOOTHING))
      return [
        Plot.lineY(points, {
          x: 'step',
          y: 'value',
          stroke,
          strokeWidth: 0.75,
          strokeOpacity: 0.3,
        }),
        Plot.lineY(
          points,
          Plot.windowY(
            { k, anchor: 'middle', reduce: 'mean' },
            { x: 'step', y: 'value', stroke, strokeWidth: 2 },
          ),
        ),
      ]
    }),
  })
}

/** Colour of the n-th series, for the legend beside the chart. */
export function seriesColour(index: number): string {
  return SERIES_COLOURS[index % SERIES_COLOURS.length] ?? COLOURS.ink
}

function finite(series: Series): Series {
  return {
    name: series.name,
    points: series.points.filter(({ value }) => Number.isFinite(value)),
  }
}

function describe({ name, points }: Series): string {
  const first = points[0]
  const last = points.at(-1)
  if (!first || !last) return `${name}: no values.`
  return `${name}: ${short(first.value)} at step ${first.step}, ${short(last.value)} at step ${last.step}.`
}
