/** The validation of milestones as a table: one column per checker, one row per figure of the paper's section 5.1. */
import { type MilestoneStudy, PAPER_VALIDATION } from '../analysis/validation-study.ts'
import type { Selection } from '../analysis/selection.ts'

type Entry = MilestoneStudy['entries'][number]

export function studyText(study: MilestoneStudy): string {
  const { entries } = study
  const [first] = entries as [Entry]
  const { traces, successes, milestones } = first.validation
  const row = (name: string, cell: (entry: Entry) => string) => [name, ...entries.map(cell)]
  const shares = [...new Set(entries.flatMap(({ validation }) => validation.curve.map(({ share }) => share)))]
  const rows = [
    row('', ({ name }) => name),
    row('all reached = success', () => ''),
    row('  precision', ({ validation }) => figure(validation.exact.precision)),
    row('  recall', ({ validation }) => figure(validation.exact.recall)),
    row('  F1', ({ validation }) => figure(validation.exact.f1)),
    row('  TP FP FN TN', ({ validation: { exact } }) =>
      [exact.truePositives, exact.falsePositives, exact.falseNegatives, exact.trueNegatives].join(' '),
    ),
    row('share reached', () => ''),
    row('  AUROC', ({ validation }) => figure(validation.auroc)),
    row("  Kendall's tau-b", ({ validation }) => figure(validation.kendall.tau)),
    row('  p, two-sided', ({ validation }) => probability(validation.kendall.p)),
    row('  mean, solved', ({ validation }) => figure(validation.meanShare.successes)),
    row('  mean, not solved', ({ validation }) => figure(validation.meanShare.failures)),
    row('P(success | m)', ({ validation }) => validation.monotone ?? '-'),
    ...shares
      .sort((a, b) => a - b)
      .map((share) =>
        row(`  ${shareName(share, milestones)}`, ({ validation }) => {
          const group = validation.curve.find((own) => own.share === share)
          return group ? `${group.rate.toFixed(3)} of ${group.traces}` : '-'
        }),
      ),
    ...(entries.some(({ noise }) => noise)
      ? [
          row('errors per verdict', () => ''),
          row('  reached called open', ({ noise }) => rate(noise?.rates.falseNegative)),
          row('  open called reached', ({ noise }) => rate(noise?.rates.falsePositive)),
        ]
      : []),
    ...(entries.some(({ verdicts }) => verdicts)
      ? [
          row('verdicts undecided', ({ verdicts }) =>
            verdicts ? `${verdicts.undecided} of ${verdicts.asked}` : '-',
          ),
        ]
      : []),
  ]
  const paper = PAPER_VALIDATION
  return [
    `${study.source}: ${traces} episodes, ${successes} solved; ${milestones.join(' or ')} milestones each, ${study.monotone ? 'once reached they stay reached' : 'as they stand at the end'}`,
    '',
    columns(rows),
    '',
    `paper (5.1): precision ${paper.precision}, recall ${paper.recall}, F1 ${paper.f1}, AUROC ${paper.auroc}, tau ${paper.tau} (p < 0.001), P(success | m) ${paper.monotone}`,
  ].join('\n')
}

export function selectionText({ candidates, criterion, best, episodes, tasks }: Selection): string {
  const rows = [
    ['', criterion, 'AUROC', 'F1', 'precision', 'recall', 'tau-b', 'P(success | m)'],
    ...candidates.map(({ name, score, validation }) => [
      `${name}${name === best ? ' *' : ''}`,
      figure(score),
      figure(validation.auroc),
      figure(validation.exact.f1),
      figure(validation.exact.precision),
      figure(validation.exact.recall),
      figure(validation.kendall.tau),
      validation.monotone ?? '-',
    ]),
  ]
  return [
    `${episodes} episodes of ${tasks} tasks`,
    '',
    columns(rows),
    '',
    `* kept: best by ${criterion}`,
  ].join('\n')
}

function shareName(share: number, milestones: readonly number[]): string {
  const [k] = milestones
  return milestones.length === 1 && k !== undefined
    ? `${Math.round(share * k)}/${k}`
    : `${(100 * share).toFixed(0)}%`
}

function figure(value: number | null): string {
  return value === null ? '-' : value.toFixed(4)
}

function probability(p: number | null): string {
  return p === null ? '-' : p >= 0.001 ? p.toFixed(4) : p.toExponential(1)
}

function rate(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(4)
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}
