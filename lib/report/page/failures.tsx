/** The page's section on failures: the four classes by model and by site, with their numbers. */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { raw } from 'hono/html'
import { CLASS_TITLES, FAILURE_CLASSES } from '../../analysis/failures/diagnosis.ts'
import type { FailureDistribution, FailureRow } from '../../analysis/failures/distribution.ts'
import { failuresChart } from '../charts/failures.ts'
import { percent } from '../charts/figure.ts'
import { Section } from './sections.tsx'

export function Failures({ distribution }: { distribution: FailureDistribution }) {
  const { total, models, sites } = distribution
  return (
    <Section id="failures" title="Failures">
      <p>
        {total.failures.toLocaleString('en')} of {total.traces.toLocaleString('en')} judged episodes failed.
        Each is in the first class whose rule fits: the end declared wrongly, stuck in a repetition, no
        serious attempt or no exit, others. Shares are of all episodes.
      </p>
      {total.failures === 0 ? (
        <p class="empty">No episode failed.</p>
      ) : (
        <>
          {models.length > 1 && <figure>{raw(failuresChart(models, 'model'))}</figure>}
          <figure>{raw(failuresChart([...sites, total], 'site'))}</figure>
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col" />
                  <th scope="col">Episodes</th>
                  <th scope="col">Solved</th>
                  {FAILURE_CLASSES.map((kind) => (
                    <th scope="col">{CLASS_TITLES[kind]}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {[...(models.length > 1 ? models : []), ...sites, total].map((row) => (
                  <Row row={row} />
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </Section>
  )
}

function Row({ row }: { row: FailureRow }) {
  return (
    <tr>
      <th scope="row">{row.name}</th>
      <td>{row.traces}</td>
      <td>{percent(row.successes / row.traces, 1)}</td>
      {FAILURE_CLASSES.map((kind) => (
        <td>
          {percent(row.shareOfTraces[kind] ?? Number.NaN, 1)}{' '}
          <span class="soft">
            {row.counts[kind]}
            {row.failures > 0 && `, ${percent(row.shareOfFailures[kind] ?? Number.NaN)} of failures`}
          </span>
        </td>
      ))}
    </tr>
  )
}
