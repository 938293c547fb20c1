/**
 * The page's static sections: each chart with its legend, its words and its numbers as a table.
 * A section without data says what is missing instead of showing an empty chart.
 */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import { wilson } from '../../analysis/interval.ts'
import { heatMapChart } from '../charts/heatmap.ts'
import { reliabilityChart } from '../charts/reliability.ts'
import { phaseName, rateLabel, siteChart, successChart } from '../charts/success.ts'
import { seriesColour, trainingChart } from '../charts/training.ts'
import type { ReportData } from '../data.ts'

/** Widths a chart is drawn at; CSS shows the one that fits, so that text keeps its size on a phone. */
const WIDE = 1000
const NARROW = 380

interface SectionProps {
  id: string
  title: string
  children: Child
}

export function Section({ id, title, children }: SectionProps) {
  return (
    <section id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </section>
  )
}

export function Success({ data }: { data: ReportData }) {
  const tested = data.phases.some((phase) => phase.test && phase.test.episodes > 0)
  const draw = (width: number) => raw(successChart(data.phases, data.bestPhase, width))
  const has = (split: 'validation' | 'novel') => data.phases.some((phase) => phase[split]?.episodes)
  return (
    <Section id="success" title="Success by phase">
      <p>
        Share of tasks solved greedily after each phase. The test split has parameters never trained on; phase
        0 is the imitation policy. The phase that is kept was chosen on the validation split alone.
      </p>
      {tested ? (
        <figure>
          <ul class="legend">
            <Key colour="var(--blue)" name="test, 95% interval" />
            {has('validation') && <Key colour="var(--orange)" name="validation" dashed />}
            {has('novel') && <Key colour="var(--green)" name="unseen templates" dashed />}
            {data.bestPhase !== undefined && <Key colour="var(--ink)" name="kept phase" ring />}
          </ul>
          <div class="wide">{draw(WIDE)}</div>
          <div class="narrow">{draw(NARROW)}</div>
        </figure>
      ) : (
        <p class="empty">No phase has been tested yet.</p>
      )}
      <Numbers>
        <thead>
          <tr>
            <th scope="col">Phase</th>
            <th scope="col">Test</th>
            <th scope="col">Validation</th>
            <th scope="col">Unseen templates</th>
            <th scope="col">Rollouts</th>
          </tr>
        </thead>
        <tbody>
          {data.phases.map((phase) => (
            <tr>
              <th scope="row">
                {phaseName(phase.phase)}
                {phase.phase === data.bestPhase ? ' (kept)' : ''}
              </th>
              {[phase.test, phase.validation, phase.novel, phase.rollout].map((rate) => (
                <td>{rate && rate.episodes > 0 ? rateLabel(rate) : '–'}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </Numbers>
    </Section>
  )
}

export function Sites({ data }: { data: ReportData }) {
  const names = [
    ...new Set(
      data.phases
        .flatMap((phase) => phase.sites)
        .flatMap(({ site, rate }) => (rate.episodes > 0 ? site : [])),
    ),
  ]
  const ratesOf = (name: string) =>
    data.phases.flatMap((phase) =>
      phase.sites
        .filter(({ site, rate }) => site === name && rate.episodes > 0)
        .map(({ rate }) => ({
          phase: phase.phase,
          rate,
        })),
    )
  const highs = names.flatMap((name) => ratesOf(name).map(({ rate }) => wilson(rate).high))
  const top = Math.min(1, Math.ceil(10 * Math.max(0.2, ...highs)) / 10)
  return (
    <Section id="sites" title="Success by site">
      {names.length === 0 ? (
        <p class="empty">No test episodes by site yet.</p>
      ) : (
        <>
          <div class="multiples small">
            {names.map((name) => (
              <figure>
                <figcaption>{name}</figcaption>
                {raw(siteChart(name, ratesOf(name), top))}
              </figure>
            ))}
          </div>
          <Numbers>
            <thead>
              <tr>
                <th scope="col">Site</th>
                {data.phases.map((phase) => (
                  <th scope="col">{phaseName(phase.phase)}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {names.map((name) => (
                <tr>
                  <th scope="row">{name}</th>
                  {data.phases.map((phase) => {
                    const rate = phase.sites.find(({ site }) => site === name)?.rate
                    return <td>{rate && rate.episodes > 0 ? rateLabel(rate) : '–'}</td>
                  })}
                </tr>
              ))}
            </tbody>
          </Numbers>
        </>
      )}
    </Section>
  )
}

export function Milestones({ data }: { data: ReportData }) {
  return (
    <Section id="milestones" title="Milestones by step">
      <p>
        Percent of test episodes that have each milestone complete after each step, m1 being the first an
        expert reaches. A policy that gets stuck fills only the lower rows; one that finishes climbs along the
        diagonal.
      </p>
      {data.heatMaps.length === 0 ? (
        <p class="empty">No episodes with milestones yet.</p>
      ) : (
        <div class="multiples">
          {data.heatMaps.map(({ phase, map }) => (
            <figure>
              <figcaption>
                {phaseName(phase)} <span class="soft">{Math.max(0, ...map.episodes)} episodes</span>
              </figcaption>
              {raw(heatMapChart(phase, map))}
            </figure>
          ))}
        </div>
      )}
    </Section>
  )
}

export function Training({ data }: { data: ReportData }) {
  const panels = data.training.filter((panel) => panel.series.some((series) => series.points.length > 0))
  return (
    <Section id="training" title="Losses and gradient norms">
      {panels.length === 0 ? (
        <p class="empty">No optimizer step has been recorded yet.</p>
      ) : (
        <div class="multiples">
          {panels.map((panel) => (
            <figure>
              <figcaption>
                {panel.title} <span class="soft">{panel.label}</span>
              </figcaption>
              {panel.series.length > 1 && (
                <ul class="legend">
                  {panel.series.map((series, index) => (
                    <Key colour={seriesColour(index)} name={series.name} />
                  ))}
                </ul>
              )}
              {raw(trainingChart(panel))}
            </figure>
          ))}
        </div>
      )}
    </Section>
  )
}

export function Calibrations({ data }: { data: ReportData }) {
  const critics = [
    {
      name: 'value critic',
      target: 'observed success',
      curves: data.valueCalibration,
      about: 'V(s) against the outcome',
    },
    {
      name: 'potential critic',
      target: 'progress label',
      curves: data.potentialCalibration,
      about: 'P(s) against the progress label of successful episodes',
    },
  ].filter(({ curves }) => curves.length > 0)
  return (
    <Section id="calibration" title="Calibration of the critics">
      {critics.length === 0 ? (
        <p class="empty">No critic has been used yet.</p>
      ) : (
        <div class="multiples">
          {critics.map(({ name, target, curves, about }) => {
            const last = curves.at(-1)!
            const first = curves.length > 1 ? curves[0] : undefined
            return (
              <figure>
                <figcaption>
                  {name} <span class="soft">{about}</span>
                </figcaption>
                <ul class="legend">
                  <Key colour="var(--blue)" name={phaseName(last.phase)} />
                  {first && <Key colour="var(--orange)" name={phaseName(first.phase)} dashed />}
                </ul>
                {raw(reliabilityChart(name, target, last, first))}
              </figure>
            )
          })}
          <div class="aside">
            <table>
              <caption>Brier score (lower is better) / score of always predicting the mean</caption>
              <thead>
                <tr>
                  <th scope="col">Phase</th>
                  {critics.map(({ name }) => (
                    <th scope="col">{name}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {[...new Set(critics.flatMap(({ curves }) => curves.map(({ phase }) => phase)))].map(
                  (phase) => (
                    <tr>
                      <th scope="row">{phaseName(phase)}</th>
                      {critics.map(({ curves }) => {
                        const found = curves.find((curve) => curve.phase === phase)?.calibration
                        return (
                          <td>
                            {found ? found.brier.toFixed(3) : '–'}
                            {found && <span class="soft"> / {found.brierOfMean.toFixed(3)}</span>}
                          </td>
                        )
                      })}
                    </tr>
                  ),
                )}
              </tbody>
            </table>
          </div>
        </div>
      )}
    </Section>
  )
}

export function Facts({ id, title, facts }: { id: string; title: string; facts: [string, string][] }) {
  return (
    <Section id={id} title={title}>
      {facts.length === 0 ? (
        <p class="empty">The run directory holds no environment facts.</p>
      ) : (
        <dl class="facts">
          {facts.map(([label, value]) => (
            <div>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </Section>
  )
}

export function Key({
  colour,
  name,
  dashed,
  ring,
}: {
  colour: string
  name: string
  dashed?: boolean
  ring?: boolean
}) {
  return (
    <li>
      <span
        class={`key${dashed ? ' dashed' : ''}${ring ? ' ring' : ''}`}
        style={`color:${colour}`}
        aria-hidden="true"
      />
      {name}
    </li>
  )
}

export function Numbers({ children }: { children: Child }) {
  return (
    <details class="numbers">
      <summary>Numbers</summary>
      <div class="scroll">
        <table>{children}</table>
      </div>
    </details>
  )
}
