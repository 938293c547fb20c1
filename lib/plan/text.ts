/** A memory plan as a table for a person. Pure: what to print, never where. */
import { formatBytes } from './bytes.ts'
import type { Suggestion } from './fit.ts'
import type { MemoryPlan } from './plan.ts'

export interface PlanReport {
  /** What is planned, e.g. "Gemma3 12b, lora, bfloat16". */
  title: string
  plan: MemoryPlan
  /** Bytes there are, and where that figure comes from. */
  available: { bytes: number; source: string }
  fits: boolean
  /** What would fit; empty when the plan does, or when nothing does. */
  suggestions: Suggestion[]
}

export function planText({ title, plan, available, fits, suggestions }: PlanReport): string {
  const rows = [
    ['', 'rollout', 'update', ''],
    ...plan.holders
      .filter(({ rollout, update }) => rollout > 0 || update > 0)
      .map(({ name, rollout, update, what }) => [name, formatBytes(rollout), formatBytes(update), what]),
    ['needed', formatBytes(plan.rollout), formatBytes(plan.update), ''],
    ['available', formatBytes(available.bytes), formatBytes(available.bytes), available.source],
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)))
  const table = rows.map(([name = '', rollout = '', update = '', what = '']) =>
    `  ${name.padEnd(widths[0] ?? 0)}  ${rollout.padStart(widths[1] ?? 0)}  ${update.padStart(widths[2] ?? 0)}  ${what}`.trimEnd(),
  )
  return [title, ...table, ...verdict(plan, available.bytes, fits, suggestions)].join('\n')
}

/** One sentence on a plan that does not fit. */
export function shortfall(plan: MemoryPlan, available: { bytes: number; source: string }): string {
  const half = plan.update >= plan.rollout ? 'update' : 'rollout'
  return (
    `the run needs ${formatBytes(plan.peak)} at its ${half} and ${formatBytes(available.bytes)} are available ` +
    `(${available.source})`
  )
}

function verdict(plan: MemoryPlan, available: number, fits: boolean, found: readonly Suggestion[]): string[] {
  if (fits) return [`fits, with ${formatBytes(available - plan.peak)} to spare`]
  if (found.length === 0) return ['does not fit, and no setting would make it; use a smaller model']
  return [
    'does not fit; these settings would:',
    ...found.map(
      ({ set, peak }) => `  ${set.map((line) => `--set ${line}`).join(' ')}   (${formatBytes(peak)})`,
    ),
  ]
}
