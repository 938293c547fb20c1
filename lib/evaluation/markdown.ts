/** A result as Markdown: the figures with their denominators first, then what they were made with. Pure. */
import { modelFacts, workLines } from './model-facts.ts'
import type { EvaluationResult } from './result.ts'
import type { Group, Success } from './summary.ts'

export function resultMarkdown(result: EvaluationResult): string {
  const { provenance, summary, notes, items } = result
  const { counts } = summary
  return `${[
    `# ${provenance.suite}: ${rate(summary.all)} of ${summary.tasks} tasks`,
    `${provenance.model.path}${provenance.model.phase === undefined ? '' : ` (phase ${provenance.model.phase})`}, ${provenance.startedAt}${result.complete ? '' : ', **incomplete**'}`,
    table(
      ['', 'success', '95%', 'solved / episodes'],
      [
        ['all tasks (without a score = not solved)', ...cells(summary.all)],
        ['only episodes with a score', ...cells(summary.scored)],
        ...(summary.attempts > 1
          ? summary.byAttempt.map((own, i) => [`attempt ${i + 1}, all tasks`, ...cells(own)])
          : []),
      ],
    ),
    `Episodes: ${counts.scored} scored, ${counts.unscorable} unscorable, ${counts.error} failed for infrastructure, ${counts.open} not played; ${counts.retried} broke once and were played again.`,
    '## By site',
    siteTable([...summary.columns, ...summary.others], summary.others),
    ...(summary.attempts > 1
      ? [
          '## pass@k',
          table(
            ['k', 'pass@k', 'tasks with k scores'],
            summary.passAtK.map(({ k, rate: share, tasks }) => [String(k), percent(share), String(tasks)]),
          ),
        ]
      : []),
    '## Episodes',
    [
      `- steps: ${number(summary.steps.mean)} on average, ${number(summary.steps.meanOfSuccesses)} where solved`,
      `- ends: ${
        Object.entries(summary.ends)
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([end, count]) => `${end} ${count}`)
          .join(', ') || 'none'
      }`,
      `- time: ${Math.round(summary.seconds)} s of episodes, side by side`,
      ...workLines(result).map((line) => `- ${line}`),
    ].join('\n'),
    ...(notes.length > 0 ? ['## Notes', notes.map((note) => `- ${note}`).join('\n')] : []),
    '## Made with',
    facts(result)
      .map(([label, value]) => `- ${label}: ${value}`)
      .join('\n'),
    '## Items',
    table(
      ['task', 'attempt', 'sites', 'result', 'steps', 'end', 'intent'],
      items.map((item) => [
        String(item.task),
        String(item.attempt + 1),
        item.sites.join('+'),
        item.state === 'scored' ? (item.success ? 'solved' : 'failed') : item.state,
        item.steps === undefined ? '-' : String(item.steps),
        item.end ?? '-',
        item.intent,
      ]),
    ),
  ].join('\n\n')}\n`
}

/** Label and value of everything that a comparison needs, in reading order. */
export function facts({ provenance }: EvaluationResult): [label: string, value: string][] {
  const { agent, scoring, source, model } = provenance
  return [
    ['suite', `${provenance.suite}, ${provenance.tasks} tasks, ${provenance.attempts} attempts`],
    ...(source
      ? ([['tasks', `${source.path}${source.sha256 ? ` (sha256 ${source.sha256})` : ''}`]] as [
          string,
          string,
        ][])
      : []),
    ['model', `${model.path}${model.phase === undefined ? '' : `, phase ${model.phase}`} (${model.kind})`],
    ...modelFacts(provenance),
    ['temperature', String(provenance.temperature)],
    ['seed', String(provenance.seed)],
    ...(provenance.rescoredFrom === undefined
      ? []
      : ([['scored again, played in', provenance.rescoredFrom]] as [string, string][])),
    [
      'success decided by',
      scoring.scorer === 'evaluators' ? `evaluators, dialect ${scoring.dialect}` : 'outcome model',
    ],
    ['judge', scoring.judge ?? 'none'],
    ['stopped agents', scoring.judgeEarlyStops ? 'scored on "Early stop: ..."' : 'not solved'],
    ['browser', provenance.browser],
    ['observation', `${agent.observation}, addressing by ${agent.addressing}`],
    ['grammar', agent.grammar],
    ['manner', agent.manner],
    [
      'prompt',
      `${agent.promptStyle}, at most ${agent.maxPromptTokens} tokens, actions ${agent.maxActionTokens}`,
    ],
    [
      'limits',
      `${agent.horizon} steps, ${limit(agent.stuckRepeats)} equal actions, ${limit(agent.invalidRepeats)} unreadable ones`,
    ],
  ]
}

const limit = (n: number) => (n === 0 ? 'any number of' : String(n))

function siteTable(groups: readonly Group[], others: readonly Group[]): string {
  return table(
    ['site', 'tasks', 'success', '95%', 'solved / episodes', 'of those with a score'],
    groups.map((group) => [
      others.includes(group) ? `${group.name} (no column)` : group.name,
      String(group.tasks),
      ...cells(group.all),
      `${rate(group.scored)} (${group.scored.successes} / ${group.scored.episodes})`,
    ]),
  )
}

const cells = (own: Success) => [rate(own), interval(own), `${own.successes} / ${own.episodes}`]

export const rate = (own: Success) => percent(own.rate)

export function interval({ low, high, rate: mean }: Success): string {
  return mean === null ? '-' : `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}`
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(100 * share).toFixed(1)}%`
}

function number(value: number | null): string {
  return value === null ? '-' : value.toFixed(1)
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (own: readonly string[]) => `| ${own.map(cell).join(' | ')} |`
  return [line(head), `|${head.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n')
}

/** Page texts and intents must not break a table. */
function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replace(/\s+/g, ' ').trim()
}
