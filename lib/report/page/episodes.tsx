/**
 * The episode browser's frame and its data. browser.js fills the frame from the JSON below and writes text nodes
 * only, so nothing a page or a policy said can become markup.
 */
/** @jsxRuntime automatic @jsxImportSource hono/jsx */
import { CLASS_TITLES, FAILURE_CLASSES } from '../../analysis/failures/diagnosis.ts'
import { phaseName } from '../charts/success.ts'
import type { ReportData, SampleEpisode } from '../data.ts'
import { Section } from './sections.tsx'

type EpisodesProps = {
  data: Pick<ReportData, 'episodes' | 'episodesInRun'>
  /** What the numbers in `phase` are: the phases of a run, or the attempts of an evaluation. */
  by?: 'phase' | 'attempt'
}

export function Episodes({ data, by = 'phase' }: EpisodesProps) {
  const { episodes } = data
  const title = (phase: number) => episodes.find((own) => own.phase === phase)?.played ?? phaseName(phase)
  return (
    <Section id="episodes" title="Episodes">
      <p>
        {episodes.length.toLocaleString('en')} of {data.episodesInRun.toLocaleString('en')} episodes, drawn
        evenly over {by}s and outcomes. <kbd>←</kbd> <kbd>→</kbd> move through the steps, <kbd>↑</kbd>{' '}
        <kbd>↓</kbd> through the list.
      </p>
      {episodes.length === 0 ? (
        <p class="empty">No episode has been recorded yet.</p>
      ) : (
        <>
          <noscript>
            <p class="empty">Browsing episodes needs JavaScript; everything above does not.</p>
          </noscript>
          <div class="explorer" id="explorer" hidden>
            <div class="chooser">
              <div class="filters">
                <Filter
                  name="phase"
                  label={by}
                  options={unique(episodes.map(({ phase }) => phase)).map((phase) => [
                    String(phase),
                    title(phase),
                  ])}
                />
                <Filter
                  name="site"
                  options={unique(episodes.map(({ site }) => site)).map((site) => [site, site])}
                />
                <Filter
                  name="split"
                  options={unique(episodes.map(({ split }) => split)).map((split) => [split, split])}
                />
                <Filter
                  name="outcome"
                  options={[
                    ['success', 'success'],
                    ['failure', 'failure'],
                  ]}
                />
                {episodes.some(({ failure }) => failure) && (
                  <Filter
                    name="failure"
                    label="failed by"
                    options={FAILURE_CLASSES.map((kind) => [kind, CLASS_TITLES[kind]])}
                  />
                )}
              </div>
              <p class="soft" id="episode-count" role="status" />
              <ul id="episode-list" class="episode-list" />
            </div>
            <article id="episode" aria-label="Chosen episode" />
          </div>
        </>
      )}
    </Section>
  )
}

interface FilterProps {
  name: string
  label?: string
  options: [value: string, label: string][]
}

function Filter({ name, label = name, options }: FilterProps) {
  return (
    <label>
      {label}
      <select data-filter={name}>
        <option value="">all</option>
        {options.map(([value, label]) => (
          <option value={value}>{label}</option>
        ))}
      </select>
    </label>
  )
}

/**
 * JSON for a script element: page texts stored once each (episodes of one world share pages), numbers rounded to
 * four decimals, and "<" written as an escape so that no text can close the element.
 */
export function episodePayload(episodes: SampleEpisode[]): string {
  const pages = new Map<string, number>()
  const page = (text: string): number => {
    const known = pages.get(text)
    if (known !== undefined) return known
    pages.set(text, pages.size)
    return pages.size - 1
  }
  const compact = episodes.map((episode) => ({
    ...episode,
    steps: episode.steps.map((step) => ({ ...step, page: page(step.page) })),
  }))
  const round = (_key: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value
  return JSON.stringify({ pages: [...pages.keys()], episodes: compact }, round)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
}

function unique<T>(values: T[]): T[] {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
