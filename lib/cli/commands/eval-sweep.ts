/** `mira eval --thinking 0,256,auto`: a folder per budget of reasoning tokens, then one table. */
import { InvalidArgumentError } from 'commander'
import type { Config } from '../../config/schema.ts'
import type { EvaluateOptions } from '../../evaluation/evaluate.ts'
import type { ModelSource } from '../../evaluation/policy.ts'
import type { Thinking } from '../../evaluation/sweep.ts'
import { writeReport } from '../eval-output.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { modeOf } from '../options.ts'
import type { Context } from './context.ts'
import type { SuiteFlags } from './eval-suite.ts'

export async function sweepBudgets(
  { config, source }: { config: Config; source: ModelSource },
  flags: SuiteFlags,
  context: Context,
  options: EvaluateOptions,
): Promise<ExitCode> {
  const { sweepTable, sweepThinking } = await import('../../evaluation/sweep.ts')
  const { freshPath } = await import('../../evaluation/evaluate.ts')
  const directory = flags.out ?? freshPath(config, 'thinking')
  const lines = modeOf(flags) === 'auto'
  if (lines) context.out.write(`folder ${directory}\n`)
  try {
    const rows = await sweepThinking(config, source, flags.thinking ?? [], {
      ...options,
      directory,
      onBudget: (thinking) => lines && context.out.write(`thinking ${thinking}\n`),
    })
    for (const { path } of rows) await writeReport(path, { ...flags, quiet: true }, context)
    if (!flags.json) context.out.write(`\n${sweepTable(rows)}\n`)
    return EXIT.ok
  } catch (error) {
    if (!options.signal?.aborted) throw error
    context.err.write(`stopped; the same command with --out ${directory} goes on\n`)
    return EXIT.interrupted
  }
}

export function thinkingBudgets(text: string): Thinking[] {
  return text.split(',').map((part) => {
    const budget = part.trim()
    if (budget === 'auto') return budget
    if (/^\d+$/.test(budget)) return Number(budget)
    throw new InvalidArgumentError('expected whole numbers of tokens or "auto", separated by commas')
  })
}
