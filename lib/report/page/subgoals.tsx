/** The page's section on milestones: how well they predict success, as recorded and with injected errors. */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { raw } from 'hono/html'
import { type MilestoneStudy, PAPER_VALIDATION } from '../../analysis/validation-study.ts'
import { checkerColour, rocChart, successByMilestonesChart } from '../charts/subgoals.ts'
import { Key, Numbers, Section } from './sections.tsx'

/** Nothing where milestones were not validated. */
export function Subgoals({ study }: { study: MilestoneStudy | undefined }) {
  if (!study) return null
  const { entries, source, monotone } = study
  return (
    <Section id="subgoals" title="Milestones against success">
      <p>
        {source}, {entries[0]?.validation.traces} episodes.{' '}
        {monotone
          ? 'A milestone once reached stays reached. '
          : 'Milestones count as they stand at the end. '}
        Noise is named by the recall and precision that "all reached" was given as a prediction of success.
      </p>
      <ul class="legend">
        {entries.map(({ name }, index) => (
          <Key colour={checkerColour(index)} name={name} />
        ))}
      </ul>
      <div class="multiples">
        <figure>
          <figcaption>
            P(success | m) <span class="soft">95% intervals</span>
          </figcaption>
          {raw(successByMilestonesChart(entries))}
        </figure>
        <figure>
          <figcaption>
            ROC <span class="soft">of the share reached</span>
          </figcaption>
          {raw(rocChart(entries))}
        </figure>
      </div>
      <Numbers>
        <thead>
          <tr>
            {['Checker', 'Precision', 'Recall', 'F1', 'AUROC', 'tau-b', 'p', 'P(success | m)'].map(
              (title) => (
                <th scope="col">{title}</th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {entries.map(({ name, validation }) => (
            <tr>
              <th scope="row">{name}</th>
              {[
                validation.exact.precision,
                validation.exact.recall,
                validation.exact.f1,
                validation.auroc,
                validation.kendall.tau,
              ].map((value) => (
                <td>{value === null ? '–' : value.toFixed(4)}</td>
              ))}
              <td>{validation.kendall.p === null ? '–' : validation.kendall.p.toPrecision(2)}</td>
              <td>{validation.monotone ?? '–'}</td>
            </tr>
          ))}
          <tr>
            <th scope="row">paper, section 5.1</th>
            {(['precision', 'recall', 'f1', 'auroc', 'tau'] as const).map((name) => (
              <td>{PAPER_VALIDATION[name]}</td>
            ))}
            <td>below 0.001</td>
            <td>{PAPER_VALIDATION.monotone}</td>
          </tr>
        </tbody>
      </Numbers>
    </Section>
  )
}
