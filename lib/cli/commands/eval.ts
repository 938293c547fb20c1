/** `mira eval`: measures a phase of a finished or unfinished run on a split; changes nothing in the run. */
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { readRun } from '../../run/directory.ts'
import type { Evaluation } from '../../run/events.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { resultTable } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { modeOf, type OutputFlags, wholeNumber, withOutputFlags } from '../options.ts'
import { phaseOf } from '../phase.ts'
import { createReporter } from '../terminal.ts'
import type { Context } from './context.ts'

interface EvalFlags extends OutputFlags {
  phase: string
  split: Evaluation['split'] & ('validation' | 'test' | 'novel')
  episodes?: number
}

export function addEval(program: Command, context: Context): void {
  const command = program
    .command('eval')
    .description('measure the success of a checkpoint of a run')
    .argument('<run>', 'run directory, for example runs/latest')
    .option('--phase <n>', 'phase number, or "best"', 'best')
    .addOption(
      new Option('--split <name>', 'tasks to play').choices(['validation', 'test', 'novel']).default('test'),
    )
    .option('--episodes <n>', "number of tasks (default: the run's own)", wholeNumber)
  withOutputFlags(command).action(async (directory: string, flags: EvalFlags) => {
    context.exit(await evaluate(directory, flags, context))
  })
}

async function evaluate(directory: string, flags: EvalFlags, context: Context): Promise<ExitCode> {
  const { path, config, state } = await readRun(directory)
  const phase = phaseOf(
    flags.phase,
    state.best?.phase ?? state.completedPhase,
    state.completedPhase,
    directory,
  )
  const { episodes, validationEpisodes, novelEpisodes } = config.evaluation
  const usual = { test: episodes, validation: validationEpisodes, novel: novelEpisodes }[flags.split]
  const engine = await context.engine()
  const reporter = createReporter(modeOf(flags), context.out, context.err)
  using interruption = listenForInterrupt(() => context.err.write('\nstopping\n'), context.quit)
  try {
    const result = await engine.evaluate(config, {
      checkpoint: join(path, 'checkpoints', `phase-${phase}`),
      phase,
      split: flags.split,
      episodes: flags.episodes ?? Math.max(1, usual),
      onEvent: (event) => reporter.handle(event),
      signal: interruption.signal,
    })
    reporter.close()
    if (!flags.json)
      context.out.write(`\n${resultTable([{ phase, test: result }], undefined, flags.split)}\n`)
    return EXIT.ok
  } catch (error) {
    if (interruption.signal.aborted) return EXIT.interrupted
    throw error
  } finally {
    reporter.close()
  }
}
