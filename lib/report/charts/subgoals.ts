/**
 * Milestones against success: P(success | m) with 95% intervals, and the ROC curve of the share reached; one line per
 * checker, the first the one without injected errors.
 */
import * as Plot from '@observablehq/plot'
import type { MilestoneStudy } from '../../analysis/validation-study.ts'
import { COLOURS, figure, percent, SERIES_COLOURS } from './figure.ts'

type Entries = MilestoneStudy['entries']

/** Colour of the n-th checker in both charts. */
export function checkerColour(index: number): string {
  return SERIES_COLOURS[index % SERIES_COLOURS.length] ?? COLOURS.ink
}

export function successByMilestonesChart(entries: Entries): string {
  const shares = new Set(entries.flatMap(({ validation }) => validation.curve.map(({ share }) => share)))
  return figure({
    ...FRAME,
    title: 'Success by share of milestones reached',
    description: entries
      .map(
        ({ name, validation }) =>
          `${name}: ${validation.curve.map(({ share, rate }) => `${percent(share)} reached, ${percent(rate)} solved`).join('; ')}.`,
      )
      .join(' '),
    x: { ...axis('milestones reached'), ticks: [...shares].sort((a, b) => a - b) },
    y: { ...axis('solved'), grid: true },
    marks: entries.flatMap(({ name, validation }, index) => {
      const stroke = checkerColour(index)
      // Side by side where they would cover one another.
      const dx = 2 * (index - (entries.length - 1) / 2)
      const at = { x: 'share', stroke, dx }
      return [
        Plot.ruleX(validation.curve, { ...at, y1: 'low', y2: 'high', strokeOpacity: 0.45 }),
        Plot.lineY(validation.curve, { ...at, y: 'rate', strokeWidth: index === 0 ? 2.5 : 1.5 }),
        Plot.dot(validation.curve, {
          ...at,
          y: 'rate',
          r: index === 0 ? 4 : 2.5,
          fill: COLOURS.surface,
          title: ({ share, successes, traces }: (typeof validation.curve)[number]) =>
            `${name}: ${percent(share)} reached, ${successes} of ${traces} solved`,
        }),
      ]
    }),
  })
}

export function rocChart(entries: Entries): string {
  return figure({
    ...FRAME,
    title: 'ROC curve of the share of milestones reached',
    description: entries
      .map(({ name, validation }) => `${name}: AUROC ${validation.auroc?.toFixed(3) ?? 'not defined'}.`)
      .join(' '),
    x: axis('false positive rate'),
    y: { ...axis('true positive rate'), grid: true },
    marks: [
      Plot.line(DIAGONAL, { stroke: COLOURS.soft, strokeDasharray: '2 4' }),
      ...entries.flatMap(({ name, validation }, index) => [
        Plot.line(validation.roc, {
          x: 'falsePositiveRate',
          y: 'truePositiveRate',
          stroke: checkerColour(index),
          strokeWidth: index === 0 ? 2.5 : 1.5,
        }),
        Plot.dot(validation.roc, {
          x: 'falsePositiveRate',
          y: 'truePositiveRate',
          r: 2.5,
          fill: checkerColour(index),
          title: ({ threshold }: (typeof validation.roc)[number]) =>
            threshold === null ? name : `${name}: at least ${percent(threshold)} reached`,
        }),
      ]),
    ],
  })
}

const FRAME = { width: 400, height: 320, marginLeft: 46, marginRight: 18, marginBottom: 40, marginTop: 26 }

const DIAGONAL: [number, number][] = [
  [0, 0],
  [1, 1],
]

function axis(label: string): Plot.ScaleOptions {
  return {
    domain: [0, 1],
    ticks: 5,
    tickSize: 0,
    tickFormat: (share: number) => percent(share),
    label,
    labelAnchor: 'center',
    labelArrow: 'none',
  }
}
