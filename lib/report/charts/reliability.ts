/**
 * Reliability curve of a critic: mean prediction against what happened. On the diagonal, its probabilities can be
 * taken at their word; dots grow with the number of states behind them.
 */
import * as Plot from '@observablehq/plot'
import type { Calibration, ReliabilityBin } from '../../analysis/calibration.ts'
import { COLOURS, figure, percent, short } from './figure.ts'
import { phaseName } from './success.ts'

export interface ReliabilityCurve {
  phase: number
  calibration: Calibration
}

export function reliabilityChart(
  critic: string,
  target: string,
  curve: ReliabilityCurve,
  first?: ReliabilityCurve,
): string {
  const { phase, calibration } = curve
  const most = Math.max(1, ...calibration.bins.map((bin) => bin.count))
  return figure({
    width: 320,
    height: 310,
    marginLeft: 46,
    marginRight: 14,
    marginBottom: 40,
    marginTop: 30,
    title: `Reliability of the ${critic}, ${phaseName(phase)}`,
    description:
      `Brier score ${short(calibration.brier)} over ${calibration.count} states. ` +
      calibration.bins
        .map((bin) => `predicted ${percent(bin.predicted)}, observed ${percent(bin.observed)} (${bin.count})`)
        .join('; '),
    x: {
      domain: [0, 1],
      ticks: 5,
      tickSize: 0,
      tickFormat: (share: number) => percent(share),
      label: 'predicted',
      labelAnchor: 'center',
      labelArrow: 'none',
    },
    y: {
      domain: [0, 1],
      ticks: 5,
      tickSize: 0,
      tickFormat: (share: number) => percent(share),
      label: target,
      labelArrow: 'none',
      grid: true,
    },
    r: { type: 'sqrt', domain: [0, most], range: [0, 10] },
    marks: [
      Plot.line(
        [
          [0, 0],
          [1, 1],
        ],
        { stroke: COLOURS.soft, strokeDasharray: '2 4' },
      ),
      first
        ? Plot.line(first.calibration.bins, {
            x: 'predicted',
            y: 'observed',
            stroke: COLOURS.orange,
            strokeDasharray: '6 3',
            strokeWidth: 1.25,
          })
        : null,
      Plot.line(calibration.bins, {
        x: 'predicted',
        y: 'observed',
        stroke: COLOURS.blue,
        strokeWidth: 2,
      }),
      Plot.dot(calibration.bins, {
        x: 'predicted',
        y: 'observed',
        r: 'count',
        fill: COLOURS.blue,
        fillOpacity: 0.7,
        stroke: COLOURS.surface,
        title: (bin: ReliabilityBin) =>
          `predicted ${percent(bin.predicted, 1)}, observed ${percent(bin.observed, 1)}, ${bin.count} states`,
      }),
    ],
  })
}
