/** The report page of an evaluation: figures with both denominators, tables, episodes, what it was made with. */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { facts, interval, rate } from '../../evaluation/markdown.ts'
import { workFacts } from '../../evaluation/model-facts.ts'
import type { EvaluationResult } from '../../evaluation/result.ts'
import type { Group, Success } from '../../evaluation/summary.ts'
import type { EvaluationReport } from '../data.ts'
import { Episodes } from './episodes.tsx'
import { Failures } from './failures.tsx'
import { Facts, Section } from './sections.tsx'
import { htmlDocument } from './shell.tsx'
import { Subgoals } from './subgoals.tsx'

export function evaluationPage(report: EvaluationReport): string {
  const { result } = report
  return htmlDocument(
    report.name,
    <>
      <Masthead report={report} />
      <main id="content">
        <Notes notes={result.notes} />
        <Sites result={result} />
        {result.summary.attempts > 1 && <PassAtK result={result} />}
        <WithoutScore result={result} />
        <Subgoals study={report.subgoals} />
        {report.failures && <Failures distribution={report.failures} />}
        <Episodes data={report} by="attempt" />
        <Facts id="made" title="Made with" facts={[...facts(result), ...workFacts(result)]} />
      </main>
    </>,
    report.episodes,
  )
}

function Masthead({ report }: { report: EvaluationReport }) {
  const { provenance, summary, complete } = report.result
  const { counts } = summary
  return (
    <header class="masthead">
      <p class="brand">mira evaluation</p>
      <h1>{report.name}</h1>
      <p class="line">
        {[
          provenance.suite,
          `dialect ${provenance.scoring.dialect}`,
          `judge ${provenance.scoring.judge ?? 'none'}`,
          provenance.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
          ...(complete ? [] : ['incomplete']),
        ].join(' · ')}
      </p>
      <dl class="tiles">
        <Tile label={`All ${summary.tasks} tasks`} success={summary.all} />
        <Tile label="Episodes with a score" success={summary.scored} />
        <div class="tile">
          <dt>Without a score</dt>
          <dd>{counts.unscorable + counts.error + counts.open}</dd>
          <dd class="note">
            {counts.unscorable} unscorable, {counts.error} infrastructure, {counts.open} not played
          </dd>
        </div>
        <div class="tile">
          <dt>Steps</dt>
          <dd>{summary.steps.mean === null ? '–' : summary.steps.mean.toFixed(1)}</dd>
          <dd class="note">
            {Object.entries(summary.ends)
              .map(([end, count]) => `${end} ${count}`)
              .join(', ')}
          </dd>
        </div>
      </dl>
      <nav aria-label="Sections">
        {['Sites', ...(report.failures ? ['Failures'] : []), 'Episodes', 'Made'].map((name) => (
          <a href={`#${name.toLowerCase()}`}>{name === 'Made' ? 'Made with' : name}</a>
        ))}
      </nav>
    </header>
  )
}

function Tile({ label, success }: { label: string; success: Success }) {
  return (
    <div class="tile">
      <dt>{label}</dt>
      <dd>{rate(success)}</dd>
      <dd class="note">
        95%: {interval(success)}, {success.successes} of {success.episodes}
      </dd>
    </div>
  )
}

function Notes({ notes }: { notes: string[] }) {
  if (notes.length === 0) return null
  return (
    <Section id="notes" title="To bear in mind">
      <ul>
        {notes.map((note) => (
          <li>{note}</li>
        ))}
      </ul>
    </Section>
  )
}

function Sites({ result }: { result: EvaluationResult }) {
  const { columns, others } = result.summary
  const row = (group: Group, outside: boolean) => (
    <tr>
      <th scope="row">
        {group.name}
        {outside && <span class="soft"> counts only in the total</span>}
      </th>
      <td>{group.tasks}</td>
      <td>{rate(group.all)}</td>
      <td>{interval(group.all)}</td>
      <td>
        {group.all.successes} / {group.all.episodes}
      </td>
      <td>
        {rate(group.scored)} of {group.scored.episodes}
      </td>
    </tr>
  )
  return (
    <Section id="sites" title="Success by site">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              {['Site', 'Tasks', 'Success', '95%', 'Solved', 'Of those with a score'].map((title) => (
                <th scope="col">{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {columns.map((group) => row(group, false))}
            {others.map((group) => row(group, true))}
          </tbody>
        </table>
      </div>
    </Section>
  )
}

function PassAtK({ result }: { result: EvaluationResult }) {
  return (
    <Section id="pass" title="pass@k">
      <table>
        <thead>
          <tr>
            <th scope="col">k</th>
            <th scope="col">pass@k</th>
            <th scope="col">Tasks with k scores</th>
          </tr>
        </thead>
        <tbody>
          {result.summary.passAtK.map(({ k, rate: share, tasks }) => (
            <tr>
              <th scope="row">{k}</th>
              <td>{share === null ? '–' : `${(100 * share).toFixed(1)}%`}</td>
              <td>{tasks}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  )
}

function WithoutScore({ result }: { result: EvaluationResult }) {
  const items = result.items.filter(({ state }) => state === 'unscorable' || state === 'error')
  if (items.length === 0) return null
  return (
    <Section id="unscored" title="Without a score">
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Task</th>
              <th scope="col">Attempt</th>
              <th scope="col">State</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr>
                <th scope="row">{item.task}</th>
                <td>{item.attempt + 1}</td>
                <td>{item.state === 'error' ? 'infrastructure' : item.state}</td>
                <td>{item.details[0]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  )
}
