/** `mira analyze`: why episodes failed, and what else a run's or an evaluation's episodes say. */
import { type Command, Option } from 'commander'
import { AnalysisInputError } from '../../analysis/failures/errors.ts'
import { SPLITS } from '../../tasks/task.ts'
import type { AnalyzeFlags } from '../analyze.ts'
import { EXIT, UsageError } from '../exit.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { wholeNumber } from '../options.ts'
import type { Context } from './context.ts'

export function addAnalyze(program: Command, context: Context): void {
  program
    .command('analyze')
    .description('diagnose every failed episode of runs and evaluations (docs/analysis.md)')
    .argument('<run...>', 'run directories or folders of evaluations')
    .option('--phase <n>', 'only this phase of the runs', wholeNumber)
    .addOption(new Option('--split <name>', 'only embedded tasks of this split').choices([...SPLITS]))
    .option('--labels <file>', 'CSV of human labels (episode, class, key step): agreement is reported')
    .option(
      '--rule <key=value>',
      'a setting of the rules, for example cycleRepeats=4; repeatable',
      collect,
      [],
    )
    .option(
      '--refine <model>',
      'ask this language model about every failure, for example gemini:gemini-2.5-flash',
    )
    .option('--refine-prompt <file>', 'YAML with the texts system and user, in place of our own')
    .option('--config <file>', 'YAML file whose section llm says how models are asked')
    .option('--set <key=value>', 'one key of it, the value in YAML; repeatable', collect, [])
    .option('--out <folder>', 'write there, all folders together; default: into each folder')
    .option('--no-report', 'leave report.html as it is')
    .option('--json', 'print failures.json and nothing else')
    .action(async (directories: string[], flags: AnalyzeFlags) => {
      using interruption = listenForInterrupt(() => context.err.write('\nstopping\n'), context.quit)
      try {
        const { analyze } = await import('../analyze.ts')
        await analyze(directories, flags, context, interruption.signal)
        context.exit(EXIT.ok)
      } catch (error) {
        if (interruption.signal.aborted) context.exit(EXIT.interrupted)
        else if (error instanceof AnalysisInputError) throw new UsageError(error.message, { cause: error })
        else throw error
      }
    })
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}
