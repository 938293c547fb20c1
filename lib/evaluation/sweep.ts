/**
 * One evaluation per thinking budget (paper Fig. 14): what a language model that plans, or acts, gains from reasoning
 * and what that costs. Each is a folder of its own in the sweep's; those that are there go on where they were.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Config } from '../config/schema.ts'
import { writeFileAtomic } from '../run/files.ts'
import { type EvaluateOptions, evaluateSuite, resumeEvaluation } from './evaluate.ts'
import { interval, rate, table } from './markdown.ts'
import type { ModelSource } from './policy.ts'
import type { EvaluationResult } from './result.ts'
import { dollars, tokens, type Work } from './work.ts'

/** Reasoning tokens per call, 0 = none, "auto" = as many as the model likes. */
export type Thinking = number | 'auto'

export interface SweepRow {
  thinking: Thinking
  path: string
  result: EvaluationResult
}

/**
 * Budgets in turn, so that their latencies are not measured against each other.
 * @param onBudget told before a budget is played
 */
export async function sweepThinking(
  config: Config,
  source: ModelSource,
  budgets: readonly Thinking[],
  options: EvaluateOptions & { directory: string; onBudget?: (thinking: Thinking) => void },
): Promise<SweepRow[]> {
  const { directory, onBudget, ...rest } = options
  const rows: SweepRow[] = []
  for (const thinking of budgets) {
    onBudget?.(thinking)
    const path = join(resolve(directory), `thinking-${thinking}`)
    const { result } = existsSync(join(path, 'evaluation.json'))
      ? await resumeEvaluation(path, rest)
      : await evaluateSuite(withThinking(config, thinking), source, { ...rest, directory: path })
    rows.push({ thinking, path, result })
    // Also of a sweep that is cut short.
    await writeFileAtomic(join(directory, 'sweep.json'), `${JSON.stringify(rows.map(plainRow), null, 2)}\n`)
    await writeFileAtomic(join(directory, 'sweep.md'), `# Thinking budgets\n\n${sweepTable(rows)}\n`)
  }
  return rows
}

/** The same budget for whoever plans and whoever acts: in SGO they are one model. */
export function withThinking(config: Config, thinking: Thinking): Config {
  return {
    ...config,
    sgo: { ...config.sgo, thinking },
    prompted: { ...config.prompted, thinking },
  }
}

/** One row per budget, as Markdown; "a step" is planning and acting together. */
export function sweepTable(rows: readonly SweepRow[]): string {
  return table(
    ['thinking', 'success', '95%', 'solved', 's a step', 'tokens a step', 'thinking a step', 'cost'],
    rows.map(({ thinking, result }) => {
      const { all } = result.summary
      const { seconds, perStep, thought, cost } = together(result)
      return [
        String(thinking),
        rate(all),
        interval(all),
        `${all.successes} / ${all.episodes}`,
        seconds.toFixed(2),
        tokens(perStep),
        tokens(thought),
        cost === null ? '-' : dollars(cost),
      ]
    }),
  )
}

function together({ work }: Pick<EvaluationResult, 'work'>) {
  const all: Work[] = [work.planning, work.acting].filter((own) => own !== undefined)
  const costs = all.map(({ spent }) => spent.cost)
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return {
    seconds: sum(all.map(({ perStep }) => perStep.seconds)),
    perStep: sum(all.map(({ perStep }) => perStep.tokens)),
    thought: sum(all.map(({ spent, steps }) => spent.thinkingTokens / steps)),
    cost: costs.some((cost) => cost === null) ? null : sum(costs as number[]),
  }
}

function plainRow({ thinking, path, result }: SweepRow) {
  const { all } = result.summary
  return { thinking, path, success: all, work: result.work, complete: result.complete }
}
