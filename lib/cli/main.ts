/**
 * The command `mira`: parses, calls a command, turns errors into one sentence and an exit code. Importing this
 * file runs nothing.
 */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { addAnalyze } from './commands/analyze.ts'
import { addConfig } from './commands/config.ts'
import type { Context } from './commands/context.ts'
import { addEval } from './commands/eval.ts'
import { addExport } from './commands/export.ts'
import { addPlan } from './commands/plan.ts'
import { addReport } from './commands/report.ts'
import { addSubgoals } from './commands/subgoals.ts'
import { addPlanTask, addRun } from './commands/run.ts'
import { addTrain } from './commands/train.ts'
import { addWebRL } from './commands/webrl.ts'
import { loadEngine } from './engine.ts'
import { describeError, EXIT, type ExitCode, exitCodeOf } from './exit.ts'

/**
 * @param argv Arguments after the program's name
 * @returns the exit code; see lib/cli/exit.ts
 */
export async function main(argv: readonly string[], surroundings: Partial<Context> = {}): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  const context: Context = {
    out: process.stdout,
    err: process.stderr,
    engine: loadEngine,
    quit: process.exit,
    ...surroundings,
    exit(value) {
      code = value
    },
  }
  const program = new Command('mira')
    .description('Train web agents with milestones (MiRA) in one process')
    .option('--debug', 'show the stack and causes of errors')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
    })
  for (const add of [
    addTrain,
    addEval,
    addReport,
    addAnalyze,
    addConfig,
    addPlan,
    addExport,
    addWebRL,
    addPlanTask,
    addRun,
    addSubgoals,
  ])
    add(program, context)
  for (const command of program.commands) command.option('--debug', 'show the stack and causes of errors')
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Commander has already written its own sentence, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    context.err.write(`error: ${describeError(error, argv.includes('--debug'))}\n`)
    const failure = exitCodeOf(error)
    // Nothing asked of a lost device ever ends, so neither would this process by itself.
    if (failure === EXIT.device) context.quit(failure)
    return failure
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2))
}
