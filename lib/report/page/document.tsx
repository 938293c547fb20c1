/**
 * The report page: one self-contained HTML document from {@link ReportData}. Loads nothing (its own security
 * policy forbids it), works without JavaScript except for browsing episodes, and escapes every text of the run.
 */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { raw } from 'hono/html'
import { type Interval, wilson } from '../../analysis/interval.ts'
import { percent } from '../charts/figure.ts'
import { phaseName } from '../charts/success.ts'
import type { PhaseReport, ReportData } from '../data.ts'
import { Episodes, episodePayload } from './episodes.tsx'
import { Calibrations, Milestones, Sites, Success, Training } from './sections.tsx'
import { PAGE_CSS } from './style.ts'

const SCRIPT = readFileSync(new URL('./browser.js', import.meta.url), 'utf8')

/** The whole document as text, ready to be written to report.html. */
export function reportPage(data: ReportData): string {
  const { run } = data
  const policy = [
    "default-src 'none'",
    `style-src 'unsafe-inline'`,
    `script-src '${sha256(SCRIPT)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content={policy} />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${run.name} · mira report`}</title>
        <style>{raw(PAGE_CSS)}</style>
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to the results
        </a>
        <Masthead data={data} />
        <main id="content">
          <Success data={data} />
          <Sites data={data} />
          <Milestones data={data} />
          <Training data={data} />
          <Calibrations data={data} />
          <Episodes data={data} />
          <Facts data={data} />
        </main>
        <script type="application/json" id="episode-data">
          {raw(episodePayload(data.episodes))}
        </script>
        <script>{raw(SCRIPT)}</script>
      </body>
    </html>
  )
  return `<!doctype html>${page.toString()}\n`
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
        {['Success', 'Sites', 'Milestones', 'Training', 'Calibration', 'Episodes', 'Run'].map((name) => (
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

function Facts({ data }: { data: ReportData }) {
  return (
    <section id="run" aria-labelledby="run-title">
      <h2 id="run-title">Run</h2>
      {data.run.facts.length === 0 ? (
        <p class="empty">The run directory holds no environment facts.</p>
      ) : (
        <dl class="facts">
          {data.run.facts.map(([label, value]) => (
            <div>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  )
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(0)} s`
  if (seconds < 5400) return `${(seconds / 60).toFixed(1)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

function sha256(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
