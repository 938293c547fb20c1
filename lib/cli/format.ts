/** Events as lines of text. Pure: what to print, never where. */
import { type Interval, wilson } from '../analysis/interval.ts'
import type { Evaluation, PhaseResult, Stage, TrainEventOf } from '../run/events.ts'

const STAGES: Record<Stage, string> = {
  setup: 'set up',
  demonstrations: 'record demonstrations',
  imitation: 'imitation',
  'critic-rollouts': 'roll out for the critics',
  'critic-pretraining': 'pre-train critics',
  rollout: 'roll out',
  replay: 'choose replay',
  critics: 'train critics',
  actor: 'train actor',
  validation: 'validate',
  test: 'test on held-out tasks',
  novel: 'test on new templates',
  checkpoint: 'write checkpoint',
  report: 'write report',
}

export function stageTitle(stage: Stage, phase: number): string {
  return `${phase === 0 ? 'phase 0 (imitation)' : `phase ${phase}`} | ${STAGES[stage]}`
}

/** `step 12/340 | loss 0.4321 (+0.3z) | norm 1.23 (-0.1z) | lr 3.0e-03 | 21.3 ms | 18.4k tok/s | 412 MB` */
export function stepLine(
  event: TrainEventOf<'step'>,
  z: { loss?: number | undefined; norm?: number | undefined },
): string {
  const width = String(event.total).length
  const extra = Object.entries(event.metrics ?? {}).map(([name, value]) => `${name} ${value.toPrecision(3)}`)
  return [
    `step ${String(event.step).padStart(width)}/${event.total}`,
    `loss ${event.loss.toFixed(4)}${zScore(z.loss)}`,
    `norm ${event.gradNorm.toFixed(2)}${zScore(z.norm)}`,
    `lr ${event.learningRate.toExponential(1).replace(/e([+-])(\d)$/, 'e$10$2')}`,
    `${event.milliseconds.toFixed(1)} ms`,
    `${quantity(event.tokensPerSecond)} tok/s`,
    bytes(event.memoryBytes),
    ...extra,
  ].join(' | ')
}

export function evaluationLine(evaluation: Evaluation): string {
  const { successes, episodes, seconds } = evaluation
  return `${successes}/${episodes} = ${percent(wilson({ successes, episodes }))} in ${duration(seconds)}`
}

/** Success by phase and by site with 95% Wilson intervals; the kept phase is starred. */
export function resultTable(phases: readonly PhaseResult[], bestPhase?: number, title = 'test'): string {
  const sites = [...new Set(phases.flatMap(({ test }) => test?.sites.map(({ site }) => site) ?? []))]
  const splits = (['validation', 'novel'] as const).filter((split) => phases.some((phase) => phase[split]))
  const header = ['phase', `${title} success [95%]`, ...splits, ...sites]
  const rows = phases.map((result) => [
    `${result.phase}${result.phase === 0 ? ' imitation' : ''}${result.phase === bestPhase ? ' *' : ''}`,
    result.test ? percent(wilson(result.test)) : '-',
    ...splits.map((split) => share(result[split])),
    ...sites.map((site) => share(result.test?.sites.find((own) => own.site === site))),
  ])
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const lines = [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)]
  if (phases.some(({ phase }) => phase === bestPhase)) lines.push('* kept: best on the validation split')
  return lines.join('\n')
}

/** 92.4 s, 3m05s, 2h07m */
export function duration(seconds: number): string {
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`
}

function share(rate: { successes: number; episodes: number } | undefined): string {
  return rate && rate.episodes > 0 ? `${((100 * rate.successes) / rate.episodes).toFixed(1)}%` : '-'
}

function percent({ mean, low, high }: Interval): string {
  if (Number.isNaN(mean)) return '-'
  const [m, l, h] = [mean, low, high].map((value) => (100 * value).toFixed(1))
  return `${m}% [${l}, ${h}]`
}

function zScore(z: number | undefined): string {
  return z === undefined ? '' : ` (${z >= 0 ? '+' : ''}${z.toFixed(1)}z)`
}

function quantity(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)}k` : value.toFixed(0)
}

function bytes(value: number): string {
  return value >= 1e10 ? `${(value / 1e9).toFixed(1)} GB` : `${(value / 1e6).toFixed(0)} MB`
}
