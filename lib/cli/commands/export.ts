/** `mira export`: a checkpoint or a run's policy as a folder that transformers, vLLM and llama.cpp read. */
import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseBytes } from '../../plan/bytes.ts'
import { readRun } from '../../run/directory.ts'
import { EXIT, UsageError } from '../exit.ts'
import { listenForInterrupt } from '../interrupt.ts'
import { phaseOf } from '../phase.ts'
import type { Context } from './context.ts'

interface ExportFlags {
  run?: string
  checkpoint?: string
  adapter?: string
  out: string
  phase: string
  dtype?: 'float32' | 'bfloat16'
  merge?: boolean
  vision?: boolean
  shard?: number
}

export function addExport(program: Command, context: Context): void {
  program
    .command('export')
    .description('write a model, or an adapter, as a plain Hugging Face folder')
    .option('--run <dir>', 'run directory: the policy of its best phase')
    .option('--phase <n>', 'phase of the run, or "best"', 'best')
    .option('--checkpoint <dir>', 'model folder, in place of a run')
    .option('--adapter <dir>', 'PEFT folder on top of --checkpoint')
    .requiredOption('--out <dir>', 'folder to write')
    .option('--merge', 'add the adapter to the weights; without it, the adapter alone is written')
    .addOption(
      new Option('--dtype <name>', 'of the weights (default: as they are)').choices(['bfloat16', 'float32']),
    )
    .option('--vision', 'keep the vision part of a multimodal checkpoint')
    .option('--shard <size>', 'largest file, for example 5GB', shardSize)
    .action(async (flags: ExportFlags) => {
      await run(flags, context)
    })
}

async function run(flags: ExportFlags, context: Context): Promise<void> {
  const { checkpoint, adapter, tokenizerFrom } = await sourceOf(flags)
  if (adapter === undefined && flags.merge) {
    throw new UsageError(`--merge: expected an adapter, ${checkpoint} has none; leave --merge out`)
  }
  if (resolve(flags.out) === resolve(checkpoint) || (adapter && resolve(flags.out) === resolve(adapter))) {
    throw new UsageError(`--out: expected another folder than the one read, received ${flags.out}`)
  }
  if (adapter !== undefined && !flags.merge) {
    const given = [flags.dtype && '--dtype', flags.vision && '--vision', flags.shard && '--shard'].filter(
      Boolean,
    )
    if (given.length > 0)
      throw new UsageError(`${given.join(', ')}: expected --merge too, an adapter alone is copied`)
  }
  using interruption = listenForInterrupt(() => context.err.write('\nstopping\n'), context.quit)
  const from = tokenizerFrom === undefined ? {} : { tokenizerFrom }
  try {
    if (adapter !== undefined && !flags.merge) {
      const { exportAdapter } = await import('../../export/adapter.ts')
      await exportAdapter({ adapter, checkpoint, out: flags.out, ...from })
    } else {
      const { exportCheckpoint } = await import('../../export/checkpoint.ts')
      await exportCheckpoint({
        checkpoint,
        out: flags.out,
        ...from,
        ...(adapter !== undefined && { adapter }),
        ...(flags.dtype && { dtype: flags.dtype }),
        ...(flags.vision && { vision: true }),
        ...(flags.shard && { maxShardBytes: flags.shard }),
        signal: interruption.signal,
      })
    }
  } catch (error) {
    if (!interruption.signal.aborted) throw error
    context.exit(EXIT.interrupted)
    return
  }
  context.out.write(`${resolve(flags.out)}\n`)
  context.exit(EXIT.ok)
}

interface Source {
  checkpoint: string
  adapter?: string
  tokenizerFrom?: string
}

async function sourceOf(flags: ExportFlags): Promise<Source> {
  if ((flags.run === undefined) === (flags.checkpoint === undefined)) {
    throw new UsageError('expected either --run or --checkpoint')
  }
  if (flags.checkpoint !== undefined) {
    return { checkpoint: flags.checkpoint, ...(flags.adapter !== undefined && { adapter: flags.adapter }) }
  }
  if (flags.adapter !== undefined)
    throw new UsageError('--adapter: expected --checkpoint with it, a run has its own')
  const directory = flags.run as string
  const { path, config, state } = await readRun(directory)
  const best = state.best?.phase ?? state.completedPhase
  const phase = phaseOf(flags.phase, best, state.completedPhase, directory)
  const folder = join(path, 'checkpoints', `phase-${phase}`)
  if (config.training.mode === 'full') return { checkpoint: folder }
  const { weightsFolder } = await import('../../train/weights.ts')
  const base = weightsFolder(config, folder) as string
  // The weights' own tokenizer, unless the run was given another.
  const tokenizerFrom = config.tokenizer.path
  return { checkpoint: base, adapter: folder, ...(tokenizerFrom && { tokenizerFrom }) }
}

function shardSize(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === undefined || bytes === 0) throw new InvalidArgumentError('expected a size such as 5GB')
  return bytes
}
