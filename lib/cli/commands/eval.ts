/**
 * `mira eval`: with a run directory, measures one of its phases on a split of the embedded suite and changes nothing
 * in the run; with --suite, plays a whole suite into a folder (eval-suite.ts).
 */
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { EVALUATION_SUITES } from '../../config/sections/run.ts'
import { readRun } from '../../run/directory.ts'
import type { Evaluation } from '../../run/events.ts'
import { EXIT, type ExitCode, UsageError } from '../exit.ts'
import { resultTable } from '../format.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { modeOf, wholeNumber, withConfigFlags, withOutputFlags } from '../options.ts'
import { phaseOf } from '../phase.ts'
import { createReporter } from '../terminal.ts'
import type { Context } from './context.ts'
import { evaluateOnSuite, givenFlags, type SuiteFlags, withSuiteFlags } from './eval-suite.ts'

interface EvalFlags extends SuiteFlags {
  phase: string
  split?: Evaluation['split'] & ('validation' | 'test' | 'novel')
  episodes?: number
}

/** What means something for a phase of a run; its configuration says the rest. */
const RUN_FLAGS = new Set(['phase', 'split', 'episodes', 'json', 'quiet'])

export function addEval(program: Command, context: Context): void {
  const command = program
    .command('eval')
    .description('measure the success of a model or of a checkpoint of a run')
    .argument('[run]', 'run directory, for example runs/latest; in place of --suite and --model')
    .option('--phase <n>', 'phase of the run, or "best"', 'best')
    .addOption(
      new Option('--split <name>', 'embedded tasks to play (default: test)').choices([
        'validation',
        'test',
        'novel',
      ]),
    )
    .option('--episodes <n>', 'number of embedded tasks', wholeNumber)
    .addOption(new Option('--suite <name>', 'play this suite into a folder').choices([...EVALUATION_SUITES]))
  withSuiteFlags(command)
  withConfigFlags(command)
  withOutputFlags(command).action(async (directory: string | undefined, flags: EvalFlags) => {
    const onSuite = flags.suite ?? flags.resume ?? flags.rescore
    if (directory === undefined && onSuite === undefined) {
      throw new UsageError(
        'expected a run directory, or --suite with --model, or --resume DIR, or --rescore DIR',
      )
    }
    if (directory !== undefined && onSuite !== undefined) {
      throw new UsageError(
        `expected a run directory or --suite, received both; write --model ${directory} to play a suite with it`,
      )
    }
    context.exit(
      directory === undefined
        ? await evaluateOnSuite(flags, context)
        : await evaluateRun(directory, flags, context),
    )
  })
}

async function evaluateRun(directory: string, flags: EvalFlags, context: Context): Promise<ExitCode> {
  const foreign = givenFlags(flags).filter((name) => !RUN_FLAGS.has(name))
  if (foreign.length > 0) {
    throw new UsageError(
      `expected only ${[...RUN_FLAGS].map((name) => `--${name}`).join(', ')} with a run directory, received --${foreign[0]}; ` +
        `write --suite embedded --model ${directory} for the others`,
    )
  }
  const { path, config, state } = await readRun(directory)
  const phase = phaseOf(
    flags.phase,
    state.best?.phase ?? state.completedPhase,
    state.completedPhase,
    directory,
  )
  const split = flags.split ?? 'test'
  const { episodes, validationEpisodes, novelEpisodes } = config.evaluation
  const usual = { test: episodes, validation: validationEpisodes, novel: novelEpisodes }[split]
  const engine = await context.engine()
  const reporter = createReporter(modeOf(flags), context.out, context.err)
  using interruption = listenForInterrupt(() => context.err.write('\nstopping\n'), context.quit)
  try {
    const result = await engine.evaluate(config, {
      checkpoint: join(path, 'checkpoints', `phase-${phase}`),
      phase,
      split,
      episodes: flags.episodes ?? Math.max(1, usual),
      onEvent: (event) => reporter.handle(event),
      signal: interruption.signal,
    })
    reporter.close()
    if (!flags.json) context.out.write(`\n${resultTable([{ phase, test: result }], undefined, split)}\n`)
    return EXIT.ok
  } catch (error) {
    if (interruption.signal.aborted) return EXIT.interrupted
    throw error
  } finally {
    reporter.close()
  }
}
