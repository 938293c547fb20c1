/**
 * `mira train`: a new run, or one that goes on; a report at the end; Ctrl-C leaves it resumable. On a GPU the run is
 * a supervised process of its own, started again after a fatal device error.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, Option } from 'commander'
import type { Config } from '../../config/schema.ts'
import { freshRunPath, RunDirectory, readRun } from '../../run/directory.ts'
import { environmentFacts } from '../../run/environment.ts'
import { RunError } from '../../run/errors.ts'
import type { TrainEvent, TrainResult } from '../../run/events.ts'
import type { Engine } from '../engine.ts'
import { EXIT, type ExitCode, UsageError } from '../exit.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { startSelf, supervise, whenSupervisorDies } from '../supervise.ts'
import {
  type ConfigFlags,
  configArguments,
  configOf,
  modeOf,
  type OutputFlags,
  withConfigFlags,
  withOutputFlags,
} from '../options.ts'
import { createReporter, type Reporter } from '../terminal.ts'
import type { Context } from './context.ts'

interface TrainFlags extends ConfigFlags, OutputFlags {
  out?: string
  resume?: string
  supervised?: boolean
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

export function addTrain(program: Command, context: Context): void {
  const command = program.command('train').description('train a policy: imitation, then MiRA phase by phase')
  withOutputFlags(withConfigFlags(command))
    .option('--out <dir>', 'run directory (default: runs/<time>)')
    .option('--resume <dir>', 'go on with an interrupted run after its last complete checkpoint')
    .addOption(new Option('--supervised', 'started by a supervising process').hideHelp())
    .action(async (flags: TrainFlags) => {
      context.exit(await train(flags, context))
    })
}

async function train(flags: TrainFlags, context: Context): Promise<ExitCode> {
  // Usage and configuration are judged before anything is loaded or written.
  const config = flags.resume === undefined ? configOf(flags) : undefined
  if (flags.resume !== undefined) expectNoConfigFlags(flags)
  const engine = await context.engine()
  if (!flags.supervised) {
    const planned = config ?? (await readRun(flags.resume as string)).config
    if (isSupervised(planned, engine)) return (await superviseTraining(flags, planned, context)) as ExitCode
  }
  const facts = engine.facts()

  const run = config
    ? await RunDirectory.create(config, {
        ...(flags.out !== undefined && { directory: flags.out }),
        environment: environmentFacts(facts),
      })
    : await RunDirectory.open(flags.resume as string)
  const reporter = createReporter(modeOf(flags), context.out, context.err)
  let started = config === undefined
  using interruption = listenForInterrupt(
    () => context.err.write('\nstopping after this step; press Ctrl-C again to quit at once\n'),
    context.quit,
  )
  if (flags.supervised) whenSupervisorDies(() => process.kill(process.pid, 'SIGTERM'))
  try {
    if (run.state.finished) {
      throw new RunError(
        'ERR_RUN_MISSING',
        `expected an unfinished run in ${run.path}, all its phases are done`,
      )
    }
    const result = await engine.train(run.config, {
      run,
      onEvent: (event) => {
        started = true
        reporter.handle(event)
      },
      signal: interruption.signal,
    })
    return await conclude(result, run, engine, reporter, context, flags)
  } catch (error) {
    // A model or tokenizer that cannot be opened must not leave a run behind.
    if (!started) await run.discard()
    if (!interruption.signal.aborted) throw error
    // Stopped so early that there was nothing to conclude.
    reporter.close()
    context.err.write(started ? goOn(run) : 'interrupted before anything had begun\n')
    return EXIT.interrupted
  } finally {
    reporter.close()
    run.close()
  }
}

/** Whether the run gets a process of its own that is started again when the device is lost. */
function isSupervised({ run, model }: Config, engine: Engine): boolean {
  return run.supervise === 'auto' ? engine.device(model.device).startsWith('cuda') : run.supervise
}

/** Trains in a child process; a restart goes on with the same run directory. */
function superviseTraining(flags: TrainFlags, config: Config, context: Context): Promise<number> {
  const directory = flags.resume ?? flags.out ?? freshRunPath(config)
  const output = [...(flags.json ? ['--json'] : []), ...(flags.quiet ? ['--quiet'] : [])]
  const resume = ['train', '--supervised', '--resume', directory, ...output]
  const first =
    flags.resume === undefined
      ? ['train', '--supervised', '--out', directory, ...configArguments(flags), ...output]
      : resume
  return supervise({
    start: () => startSelf(MAIN, existsSync(join(directory, 'state.json')) ? resume : first),
    tell: (message) => context.err.write(`${message}\n`),
  })
}

async function conclude(
  result: TrainResult,
  run: RunDirectory,
  engine: Engine,
  reporter: Reporter,
  context: Context,
  flags: TrainFlags,
): Promise<ExitCode> {
  if (result.outcome === 'interrupted') {
    reporter.close()
    context.err.write(goOn(run))
    return EXIT.interrupted
  }
  const started = performance.now()
  const tell = (event: TrainEvent) => {
    run.record(event)
    reporter.handle(event)
  }
  const phase = result.phases.at(-1)?.phase ?? 0
  tell({ type: 'stage', stage: 'report', phase })
  const report = await engine.writeReport(run.path)
  tell({ type: 'stage-end', stage: 'report', phase, seconds: (performance.now() - started) / 1000 })
  if (!flags.json) {
    context.out.write(`report      ${report}\n`)
    if (result.checkpoint) context.out.write(`checkpoint  ${result.checkpoint}\n`)
  }
  return EXIT.ok
}

function goOn(run: RunDirectory): string {
  const { completedPhase } = run.state
  const kept =
    completedPhase < 0
      ? 'no phase is complete yet'
      : `phase ${completedPhase} is complete in ${run.checkpointPath(completedPhase)}`
  return `interrupted; ${kept}; go on with: npm run train -- --resume ${run.path}\n`
}

function expectNoConfigFlags(flags: TrainFlags): void {
  const given = [
    flags.preset !== undefined && '--preset',
    flags.config !== undefined && '--config',
    flags.set.length > 0 && '--set',
    flags.seed !== undefined && '--seed',
    flags.out !== undefined && '--out',
  ].filter((name) => name !== false)
  if (given.length > 0) {
    throw new UsageError(
      `--resume: expected no other settings (a run keeps its own), received ${given.join(', ')}`,
    )
  }
}
