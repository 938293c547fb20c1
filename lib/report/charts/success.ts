/**
 * Success by phase: the run's result. Test split with 95% Wilson intervals, validation and unseen templates
 * as thinner lines, imitation's level as the line to beat, the phase kept by validation ringed.
 */
import * as Plot from '@observablehq/plot'
import { type Rate, wilson } from '../../analysis/interval.ts'
import type { PhaseReport } from '../data.ts'
import { COLOURS, figure, percent } from './figure.ts'

interface Point {
  phase: number
  mean: number
  low: number
  high: number
  label: string
}

export function phaseName(phase: number): string {
  return phase === 0 ? 'imitation' : `phase ${phase}`
}

export function successChart(phases: PhaseReport[], bestPhase: number | undefined, width: number): string {
  const test = points(phases, (phase) => phase.test, 'test')
  const validation = points(phases, (phase) => phase.validation, 'validation')
  const novel = points(phases, (phase) => phase.novel, 'unseen templates')
  const all = [...test, ...validation, ...novel]
  const top = Math.min(1, Math.ceil(10 * Math.max(0.2, ...all.map((point) => point.high)) + 0.5) / 10)
  const best = test.filter((point) => point.phase === bestPhase)
  const narrow = width < 500
  return figure({
    width,
    height: narrow ? 260 : 320,
    marginLeft: 44,
    marginRight: 24,
    marginBottom: 40,
    marginTop: 24,
    title: 'Success by phase',
    description: describe(test, bestPhase),
    x: {
      type: 'point',
      domain: phases.map((phase) => phase.phase),
      padding: 0.4,
      tickFormat: (phase: number) => (phase === 0 ? 'imitation' : String(phase)),
      label: narrow ? null : 'phase',
      tickSize: 0,
    },
    y: {
      domain: [0, top],
      tickFormat: (share: number) => percent(share),
      grid: true,
      label: null,
      ticks: 5,
      tickSize: 0,
    },
    marks: [
      Plot.ruleY([0], { stroke: COLOURS.rule }),
      Plot.ruleY(test.slice(0, 1), {
        y: 'mean',
        stroke: COLOURS.soft,
        strokeDasharray: '2 4',
      }),
      Plot.lineY(novel, {
        x: 'phase',
        y: 'mean',
        stroke: COLOURS.green,
        strokeWidth: 1.25,
        strokeDasharray: '2 3',
      }),
      Plot.dot(novel, {
        x: 'phase',
        y: 'mean',
        fill: COLOURS.green,
        r: 2,
        title: 'label',
      }),
      Plot.lineY(validation, {
        x: 'phase',
        y: 'mean',
        stroke: COLOURS.orange,
        strokeWidth: 1.25,
        strokeDasharray: '6 3',
      }),
      Plot.dot(validation, {
        x: 'phase',
        y: 'mean',
        fill: COLOURS.orange,
        r: 2,
        title: 'label',
      }),
      Plot.areaY(test, {
        x: 'phase',
        y1: 'low',
        y2: 'high',
        fill: COLOURS.blue,
        fillOpacity: 0.13,
      }),
      Plot.ruleX(test, {
        x: 'phase',
        y1: 'low',
        y2: 'high',
        stroke: COLOURS.blue,
        strokeWidth: 1.5,
      }),
      Plot.lineY(test, {
        x: 'phase',
        y: 'mean',
        stroke: COLOURS.blue,
        strokeWidth: 2.5,
      }),
      Plot.dot(test, {
        x: 'phase',
        y: 'mean',
        fill: COLOURS.blue,
        stroke: COLOURS.surface,
        r: 4.5,
        title: 'label',
      }),
      Plot.dot(best, {
        x: 'phase',
        y: 'mean',
        stroke: COLOURS.ink,
        strokeWidth: 1.75,
        r: 9,
      }),
      Plot.text(test, {
        x: 'phase',
        y: 'high',
        text: (point: Point) => percent(point.mean),
        dy: -9,
        fill: COLOURS.ink,
        fontWeight: 600,
        fontSize: 12,
      }),
    ],
  })
}

/** Test success of one site over the phases: one panel of the small multiples. */
export function siteChart(site: string, rates: { phase: number; rate: Rate }[], top: number): string {
  const test = rates.map(({ phase, rate }) => point(phase, rate, site))
  return figure({
    width: 260,
    height: 150,
    marginLeft: 38,
    marginRight: 12,
    marginBottom: 24,
    marginTop: 14,
    title: `Test success on ${site}`,
    description: test.map(({ label }) => label).join('; '),
    x: {
      type: 'point',
      domain: rates.map(({ phase }) => phase),
      padding: 0.4,
      tickFormat: (phase: number) => (phase === 0 ? 'im.' : String(phase)),
      label: null,
      tickSize: 0,
    },
    y: {
      domain: [0, top],
      tickFormat: (share: number) => percent(share),
      grid: true,
      label: null,
      ticks: 3,
      tickSize: 0,
    },
    marks: [
      Plot.ruleY([0], { stroke: COLOURS.rule }),
      Plot.areaY(test, {
        x: 'phase',
        y1: 'low',
        y2: 'high',
        fill: COLOURS.blue,
        fillOpacity: 0.13,
      }),
      Plot.ruleX(test, {
        x: 'phase',
        y1: 'low',
        y2: 'high',
        stroke: COLOURS.blue,
        strokeWidth: 1,
      }),
      Plot.lineY(test, {
        x: 'phase',
        y: 'mean',
        stroke: COLOURS.blue,
        strokeWidth: 2,
      }),
      Plot.dot(test, {
        x: 'phase',
        y: 'mean',
        fill: COLOURS.blue,
        r: 3,
        title: 'label',
      }),
    ],
  })
}

/** "61% [55%, 67%]" with the count, for tables and titles. */
export function rateLabel(rate: Rate): string {
  const { mean, low, high } = wilson(rate)
  return `${percent(mean, 1)} [${percent(low)}, ${percent(high)}] of ${rate.episodes}`
}

function points(
  phases: PhaseReport[],
  pick: (phase: PhaseReport) => Rate | undefined,
  split: string,
): Point[] {
  return phases.flatMap((phase) => {
    const rate = pick(phase)
    return rate && rate.episodes > 0 ? [point(phase.phase, rate, split)] : []
  })
}

function point(phase: number, rate: Rate, what: string): Point {
  return {
    phase,
    ...wilson(rate),
    label: `${what}, ${phaseName(phase)}: ${rateLabel(rate)}`,
  }
}

function describe(test: Point[], bestPhase: number | undefined): string {
  if (test.length === 0) return 'No phase has been tested yet.'
  const kept = bestPhase === undefined ? '' : `. Kept by validation: ${phaseName(bestPhase)}`
  return `Line chart of success with 95% intervals. ${test.map(({ label }) => label).join('; ')}${kept}.`
}
