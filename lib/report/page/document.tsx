/** The report page of a training run: one self-contained HTML document (shell.tsx) from {@link ReportData}. */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { type Interval, wilson } from '../../analysis/interval.ts'
import { percent } from '../charts/figure.ts'
import { phaseName } from '../charts/success.ts'
import type { PhaseReport, ReportData } from '../data.ts'
import { Episodes } from './episodes.tsx'
import { Failures } from './failures.tsx'
import { Calibrations, Facts, Milestones, Sites, Success, Training } from './sections.tsx'
import { htmlDocument } from './shell.tsx'
import { Subgoals } from './subgoals.tsx'

const SECTIONS = ['Success', 'Sites', 'Milestones', 'Training', 'Calibration']

/** The whole document as text, ready to be written to report.html. */
export function reportPage(data: ReportData): string {
  return htmlDocument(
    data.run.name,
    <>
      <Masthead data={data} />
      <main id="content">
        <Success data={data} />
        <Sites data={data} />
        <Milestones data={data} />
        <Subgoals study={data.subgoals} />
        <Training data={data} />
        <Calibrations data={data} />
        {data.failures && <Failures distribution={data.failures} />}
        <Episodes data={data} />
        <Facts id="run" title="Run" facts={data.run.facts} />
      </main>
    </>,
    data.episodes,
  )
}

function Masthead({ data }: { data: ReportData }) {
  const { run, phases } = data
  const tested = phases.filter((phase) => phase.test && phase.test.episodes > 0)
  const base = tested.find((phase) => phase.phase === 0)
  const kept = tested.find((phase) => phase.phase === data.bestPhase) ?? tested.at(-1)
  const line = [
    run.preset && `preset ${run.preset}`,
    run.seed !== undefined && `seed ${run.seed}`,
    run.startedAt?.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
    run.seconds !== undefined && duration(run.seconds),
  ].filter(Boolean)
  return (
    <header class="masthead">
      <p class="brand">mira report</p>
      <h1>{run.name}</h1>
      <p class="line">{line.join(' · ')}</p>
      <dl class="tiles">
        {base && <RateTile label="Imitation, held-out test" phase={base} />}
        {kept && kept !== base && (
          <RateTile label={`After ${phaseName(kept.phase)}, held-out test`} phase={kept} />
        )}
        {base && kept && kept !== base && <GainTile from={base} to={kept} />}
        <div class="tile">
          <dt>Episodes played</dt>
          <dd>{data.episodesInRun.toLocaleString('en')}</dd>
        </div>
      </dl>
      <nav aria-label="Sections">
        {[...SECTIONS, ...(data.failures ? ['Failures'] : []), 'Episodes', 'Run'].map((name) => (
          <a href={`#${name.toLowerCase()}`}>{name}</a>
        ))}
      </nav>
    </header>
  )
}

function RateTile({ label, phase }: { label: string; phase: PhaseReport }) {
  const interval: Interval = wilson(phase.test ?? { successes: 0, episodes: 0 })
  return (
    <div class="tile">
      <dt>{label}</dt>
      <dd>{percent(interval.mean, 1)}</dd>
      <dd class="note">
        95%: {percent(interval.low)} to {percent(interval.high)}, {phase.test?.episodes} episodes
      </dd>
    </div>
  )
}

function GainTile({ from, to }: { from: PhaseReport; to: PhaseReport }) {
  const gain = 100 * (wilson(to.test!).mean - wilson(from.test!).mean)
  return (
    <div class="tile accent">
      <dt>Gain over imitation</dt>
      <dd>
        {gain >= 0 ? '+' : '−'}
        {Math.abs(gain).toFixed(1)}
      </dd>
      <dd class="note">percentage points</dd>
    </div>
  )
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(0)} s`
  if (seconds < 5400) return `${(seconds / 60).toFixed(1)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}
