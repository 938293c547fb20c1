/** pass@k over k, one line per set of tasks. */
import * as Plot from '@observablehq/plot'
import type { PassAtK } from '../../analysis/attempts.ts'
import { COLOURS, figure, percent, SERIES_COLOURS } from './figure.ts'

export function passAtKChart(series: readonly { name: string; curve: readonly PassAtK[] }[]): string {
  const points = series.flatMap(({ name, curve }) => curve.map((point) => ({ name, ...point })))
  const ks = [...new Set(points.map(({ k }) => k))].sort((a, b) => a - b)
  const colour = (name: string) =>
    SERIES_COLOURS[series.findIndex((own) => own.name === name) % SERIES_COLOURS.length] ?? COLOURS.ink
  const ends = series.flatMap(({ name, curve }) => {
    const last = curve.at(-1)
    return last ? [{ name, ...last }] : []
  })
  return figure({
    width: 560,
    height: 280,
    marginLeft: 44,
    marginRight: 150,
    marginTop: 16,
    marginBottom: 38,
    title: 'pass@k',
    description: points
      .map(({ name, k, rate, tasks }) => `${name}, k = ${k}: ${percent(rate, 1)} over ${tasks} tasks`)
      .join('; '),
    x: { type: 'point', domain: ks, label: 'k', labelAnchor: 'center', labelArrow: 'none', tickSize: 0 },
    y: {
      domain: [0, 1],
      tickFormat: (share: number) => percent(share),
      label: null,
      ticks: 5,
      tickSize: 0,
      grid: true,
    },
    marks: [
      Plot.lineY(points, {
        x: 'k',
        y: 'rate',
        z: 'name',
        stroke: (point: { name: string }) => colour(point.name),
        strokeWidth: 2,
      }),
      Plot.dot(points, {
        x: 'k',
        y: 'rate',
        r: 3.5,
        fill: (point: { name: string }) => colour(point.name),
        title: (point: { name: string; k: number; rate: number; tasks: number }) =>
          `${point.name}, pass@${point.k}: ${percent(point.rate, 1)} over ${point.tasks} tasks`,
      }),
      Plot.text(ends, { x: 'k', y: 'rate', text: 'name', dx: 8, textAnchor: 'start', fill: COLOURS.ink }),
    ],
  })
}
