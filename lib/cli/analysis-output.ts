/** An analysis as text: the classes by model and by site, agreement with labels, pass@k, calibration. */
import type { FailureAgreement } from '../analysis/failures/agreement.ts'
import { CLASS_TITLES, FAILURE_CLASSES } from '../analysis/failures/diagnosis.ts'
import type { FailureRow } from '../analysis/failures/distribution.ts'
import type { AnalysisFigures, FailureFile } from '../report/failures.ts'

export function failureText({ distribution, unscorable, labels }: FailureFile): string {
  const { total, models, sites } = distribution
  const blocks = [
    'share of all episodes (count; share of the failures)',
    failureTable('model', [...models, ...(models.length > 1 ? [total] : [])]),
    failureTable('site', [...sites, total]),
  ]
  if (unscorable > 0) blocks.push(`${unscorable} episodes that nobody could score are in no count`)
  if (labels) blocks.push(agreementText(labels))
  return blocks.join('\n\n')
}

function failureTable(what: string, rows: readonly FailureRow[]): string {
  return table([
    [what, 'episodes', 'solved', ...FAILURE_CLASSES.map((kind) => CLASS_TITLES[kind])],
    ...rows.map((row) => [
      row.name,
      String(row.traces),
      share(row.traces > 0 ? row.successes / row.traces : null),
      ...FAILURE_CLASSES.map(
        (kind) =>
          `${share(row.shareOfTraces[kind])} (${row.counts[kind]}; ${share(row.shareOfFailures[kind])})`,
      ),
    ]),
  ])
}

export function agreementText(agreement: FailureAgreement & { unmatched?: readonly string[] }): string {
  const { count, agreed, classes, confusion, kappa, keySteps, unmatched = [] } = agreement
  const lines = [
    `labels: ${agreed} of ${count} classes agree (${share(agreement.share)}), Cohen's kappa ${kappa?.toFixed(3) ?? '-'}`,
    `key steps: ${keySteps.withinOne} of ${keySteps.count} within one (${share(ratio(keySteps.withinOne, keySteps.count))}), ${keySteps.exact} exact`,
    '',
    table([
      ['label \\ analyser', ...FAILURE_CLASSES.map((kind) => CLASS_TITLES[kind]), 'precision', 'recall'],
      ...classes.map((own, i) => [
        CLASS_TITLES[own.class],
        ...(confusion[i] ?? []).map(String),
        share(own.precision),
        share(own.recall),
      ]),
    ]),
  ]
  if (unmatched.length > 0) {
    const shown = unmatched.slice(0, 5).join(', ')
    lines.push(
      '',
      `${unmatched.length} labels belong to no failed episode: ${shown}${unmatched.length > 5 ? ', ...' : ''}`,
    )
  }
  return lines.join('\n')
}

export function figuresText(name: string, figures: AnalysisFigures, absences: readonly string[]): string {
  const lines = [name]
  for (const { name: set, curve } of figures.passAtK) {
    const points = curve.map(({ k, rate, tasks }) => `pass@${k} ${share(rate)} (${tasks} tasks)`)
    lines.push(`  ${set}: ${points.join(', ')}`)
  }
  for (const { phase, map, name: own } of figures.heatMaps) {
    const last = Array.from(map.cells.slice((map.steps - 1) * map.milestones), (cell) => share(cell))
    lines.push(`  milestones after the last step, ${own ?? `phase ${phase}`}: ${last.join(' ')}`)
  }
  for (const [critic, curves] of [
    ['V', figures.valueCalibration],
    ['P', figures.potentialCalibration],
  ] as const) {
    for (const { phase, calibration } of curves) {
      const { brier, brierOfMean, count } = calibration
      lines.push(
        `  ${critic}, phase ${phase}: Brier ${brier.toFixed(4)} (always the mean: ${brierOfMean.toFixed(4)}), ${count} states`,
      )
    }
  }
  return [...lines, ...absences.map((absence) => `  ${absence}`)].join('\n')
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const [header = [], ...body] = rows
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(line)].join('\n')
}

const share = (value: number | null) => (value === null ? '-' : `${(100 * value).toFixed(1)}%`)
const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : null)
