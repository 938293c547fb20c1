/**
 * One phase's milestone-by-step heat map (paper Fig. 12): steps to the right, milestones upwards, darker = more
 * episodes have the milestone complete. Every cell that has room shows its number, so colour is never alone.
 */
import * as Plot from '@observablehq/plot'
import type { HeatMap } from '../../analysis/heatmap.ts'
import { COLOURS, figure, percent } from './figure.ts'
import { phaseName } from './success.ts'

interface Cell {
  step: number
  milestone: number
  share: number
}

/** From this opacity on, the page's colour on the accent reads better than ink. */
const REVERSED_TEXT = 0.55

/** @param name whose episodes they are, where that is no phase of a run */
export function heatMapChart(phase: number, map: HeatMap, name = phaseName(phase)): string {
  const cells: Cell[] = Array.from(map.cells, (share, index) => ({
    step: Math.floor(index / map.milestones) + 1,
    milestone: (index % map.milestones) + 1,
    share,
  }))
  const width = 320
  const roomy = map.steps <= 12
  const last = cells.filter((cell) => cell.step === map.steps)
  const finals = last.map((cell) => `milestone ${cell.milestone} ${percent(cell.share)}`).join(', ')
  return figure({
    width,
    height: 34 * map.milestones + 44,
    marginLeft: 30,
    marginRight: 4,
    marginTop: 6,
    marginBottom: 34,
    title: `Milestones by step, ${name}`,
    description: `Share of episodes with each milestone complete after each step. After step ${map.steps}: ${finals}.`,
    x: {
      label: 'step',
      labelArrow: 'none',
      labelAnchor: 'center',
      tickSize: 0,
      padding: 0.06,
    },
    y: {
      label: null,
      tickFormat: (k: number) => `m${k}`,
      tickSize: 0,
      padding: 0.06,
      reverse: true,
    },
    opacity: { type: 'identity' },
    marks: [
      Plot.cell(cells, {
        x: 'step',
        y: 'milestone',
        fill: COLOURS.rule,
        fillOpacity: () => 0.35,
      }),
      Plot.cell(cells, {
        x: 'step',
        y: 'milestone',
        fill: COLOURS.blue,
        fillOpacity: 'share',
        title: (cell: Cell) =>
          `milestone ${cell.milestone} after step ${cell.step}: ${percent(cell.share, 1)}`,
      }),
      roomy
        ? Plot.text(cells, {
            x: 'step',
            y: 'milestone',
            text: (cell: Cell) => String(Math.round(100 * cell.share)),
            fill: (cell: Cell) => (cell.share > REVERSED_TEXT ? COLOURS.surface : COLOURS.ink),
            fontSize: 10,
          })
        : null,
    ],
  })
}
