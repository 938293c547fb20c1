/**
 * From measurements to rates, ratios and the tables people read. Medians throughout: repeats on a shared machine
 * have outliers on one side only.
 */
import type { Measurement, Suite } from './workload.ts'
import { UNITS } from './workload.ts'

/** What mira promises against the better of HF's attention implementations. */
export const TARGETS: Record<Suite['kind'], number> = { train: 1.3, prefill: 1.2, decode: 3, turns: 2 }

export interface SuiteResult {
  suite: Suite
  /** One measurement per repeat. */
  ours: Measurement[]
  /** The better variant's; empty without Hugging Face. */
  theirs: Measurement[]
}

export interface Row {
  name: string
  unit: string
  ours: number
  theirs?: number
  variant?: string
  ratio?: number
  /** The same ratio per processor second: hardly moved by what else the machine does. */
  cpuRatio?: number
  target: number
  /** MiB. */
  oursPeak: number
  theirsPeak?: number
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Units per second: the median repetition of a process. */
export function rate({ seconds, units }: Measurement): number {
  return median(seconds.map((elapsed, i) => (units[i] ?? Number.NaN) / elapsed))
}

/** Units per processor second. */
export function cpuRate({ cpuSeconds, units }: Measurement): number {
  return median(cpuSeconds.map((used, i) => (units[i] ?? Number.NaN) / used))
}

export function row({ suite, ours, theirs }: SuiteResult): Row {
  const mine = median(ours.map(rate))
  const result: Row = {
    name: suite.name,
    unit: UNITS[suite.kind],
    ours: mine,
    target: TARGETS[suite.kind],
    oursPeak: median(ours.map((measurement) => measurement.peakBytes)) / 2 ** 20,
  }
  if (theirs.length === 0) return result
  const other = median(theirs.map(rate))
  return {
    ...result,
    theirs: other,
    ratio: mine / other,
    cpuRatio: median(ours.map(cpuRate)) / median(theirs.map(cpuRate)),
    theirsPeak: median(theirs.map((measurement) => measurement.peakBytes)) / 2 ** 20,
    ...(theirs[0] && { variant: theirs[0].variant }),
  }
}

export const HEADER = [
  'suite',
  'unit',
  'mira',
  'HF',
  'attention',
  'ratio',
  'per CPU second',
  'at least',
  'mira MiB',
  'HF MiB',
]

export function cells(row: Row): string[] {
  const number = (value: number | undefined, digits = 0) =>
    value === undefined
      ? '–'
      : value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits })
  return [
    row.name,
    row.unit,
    number(row.ours, row.ours < 100 ? 1 : 0),
    number(row.theirs, (row.theirs ?? 0) < 100 ? 1 : 0),
    row.variant ?? '–',
    row.ratio === undefined ? '–' : `${row.ratio.toFixed(2)}x`,
    row.cpuRatio === undefined ? '–' : `${row.cpuRatio.toFixed(2)}x`,
    `${row.target.toFixed(1)}x${row.ratio !== undefined && row.ratio < row.target ? ' (missed)' : ''}`,
    number(row.oursPeak),
    number(row.theirsPeak),
  ]
}

export function markdownTable(header: string[], body: string[][]): string {
  const line = (columns: string[]) => `| ${columns.join(' | ')} |`
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '--:'))), ...body.map(line)].join('\n')
}

/** The same table for a terminal, columns aligned. */
export function plainTable(header: string[], body: string[][]): string {
  const widths = header.map((_, i) =>
    Math.max(...[header, ...body].map((columns) => columns[i]?.length ?? 0)),
  )
  const line = (columns: string[]) =>
    columns
      .map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)))
      .join('  ')
  return [line(header), ...body.map(line)].join('\n')
}
