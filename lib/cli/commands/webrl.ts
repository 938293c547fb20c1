/** `mira webrl`: looks into WebRL data, turns one form of it into another, and writes a run's episodes as such. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Episode } from '../../agent/episode.ts'
import { readEvaluation } from '../../evaluation/folder.ts'
import { readRun } from '../../run/directory.ts'
import { episodePhases, readEpisodes } from '../../run/read.ts'
import { readSystemText } from '../../webrl/agent-system.ts'
import { convert, type Converted, TARGETS, type WebRLTarget, writeTraces } from '../../webrl/convert.ts'
import { episodesToTraces } from '../../webrl/episodes.ts'
import { describe, type Spread } from '../../webrl/info.ts'
import { EXIT, UsageError } from '../exit.ts'
import type { Context } from './context.ts'

interface WriteFlags {
  as: WebRLTarget
  out: string
  strict?: boolean
  successes?: boolean
  unscored?: boolean
  system?: string
}

export function addWebRL(program: Command, context: Context): void {
  const webrl = program.command('webrl').description("read and write WebRL's data (docs/webrl-data.md)")
  webrl
    .command('info')
    .description('validate a file or a results folder and say what it holds')
    .argument('<path>', 'results folder, trace, policy rows or conversations')
    .option('--json', 'as JSON')
    .action(async (path: string, flags: { json?: boolean }) => {
      const info = await describe(path)
      const lines = Object.entries(info).map(([name, value]) => `${name.padEnd(14)}${cell(value)}\n`)
      context.out.write(flags.json ? `${JSON.stringify(info)}\n` : lines.join(''))
      context.exit(EXIT.ok)
    })
  writing(webrl.command('convert'))
    .description('write traces or policy rows in another form')
    .argument('<path>', 'results folder, fixed trace or policy rows')
    .action(async (path: string, flags: WriteFlags) => {
      told(context, flags, await convert(path, flags.as, flags.out, await optionsOf(flags)))
    })
  writing(webrl.command('export'))
    .description('write the episodes of a run or of an evaluation')
    .argument('<folder>', 'run directory, for example runs/latest, or the folder of an evaluation')
    .option('--phase <n>', 'phase of the run (default: the last that has episodes)', phaseNumber)
    .action(async (directory: string, flags: WriteFlags & { phase?: number }) => {
      const episodes = existsSync(join(directory, 'evaluation.json'))
        ? await evaluated(directory, flags.phase)
        : await played(directory, flags.phase)
      const options = await optionsOf(flags)
      told(context, flags, await writeTraces(episodesToTraces(episodes), flags.as, flags.out, options))
    })
}

async function played(directory: string, wanted: number | undefined): Promise<Episode[]> {
  const { path } = await readRun(directory)
  const phases = await episodePhases(path)
  const phase = wanted ?? phases.at(-1)
  if (phase === undefined || !phases.includes(phase)) {
    const known = phases.join(', ') || 'none'
    throw new UsageError(`--phase: expected a phase with episodes (${known}), received ${phase ?? 'none'}`)
  }
  return (await readEpisodes(path, phase)).map(({ episode }) => episode)
}

async function evaluated(directory: string, phase: number | undefined): Promise<Episode[]> {
  if (phase !== undefined) {
    throw new UsageError(
      `--phase: expected a run directory, ${directory} is an evaluation; leave --phase out`,
    )
  }
  const { records } = await readEvaluation(directory)
  return [...records.values()].flatMap((record) => (record.kind === 'episode' ? record.episode : []))
}

function writing(command: Command): Command {
  return command
    .addOption(new Option('--as <form>', 'what to write').choices(TARGETS).makeOptionMandatory())
    .requiredOption('--out <path>', 'folder for results; else a file: an array in .json, lines in .jsonl')
    .option('--successes', 'only trajectories that succeeded')
    .option('--unscored', 'also trajectories that nobody scored')
    .option('--strict', "the published prompts with their quirks, in place of mira's repaired ones")
    .option('--system <file>', 'system text of outcome items, in place of our own')
}

async function optionsOf({ strict = false, successes = false, unscored = false, system }: WriteFlags) {
  const ormSystem = system === undefined ? {} : { ormSystem: await readSystemText(system) }
  return { strict, successes, unscored, ...ormSystem }
}

function told(
  context: Context,
  { as, out }: WriteFlags,
  { records, trajectories, unscored }: Converted,
): void {
  const left = unscored > 0 ? `; ${unscored} without a score left out` : ''
  context.out.write(`${out}: ${records} ${as} of ${trajectories} trajectories${left}\n`)
  context.exit(EXIT.ok)
}

function cell(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const { min, median, max } = value as Spread
  return `${min} to ${max} code points, median ${median}`
}

function phaseNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw new InvalidArgumentError(`expected a number from 0 up, received ${JSON.stringify(text)}.`)
}
