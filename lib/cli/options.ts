/** Command-line options that several commands share, and how they become a Config. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { loadConfig } from '../config/load.ts'
import { DEFAULT_PRESET, PRESET_NAMES } from '../config/presets.ts'
import type { Config } from '../config/schema.ts'
import type { TerminalMode } from './terminal.ts'

export interface ConfigFlags {
  preset?: string
  config?: string
  set: string[]
  seed?: number
}

export interface OutputFlags {
  json?: boolean
  quiet?: boolean
}

export function withConfigFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--preset <name>',
        `starting point: ${PRESET_NAMES.join(', ')} (default: ${DEFAULT_PRESET})`,
      ),
    )
    .option('--config <file>', 'YAML file laid over the preset')
    .option('--set <key=value>', 'one key, the value in YAML; repeatable', collect, [])
    .option('--seed <n>', 'same as --set run.seed=n', wholeNumber)
}

export function withOutputFlags(command: Command): Command {
  return command
    .addOption(new Option('--json', 'print events as JSON lines').conflicts('quiet'))
    .option('--quiet', 'print warnings and the final table only')
}

export function configOf(flags: ConfigFlags): Config {
  return loadConfig({
    ...(flags.preset !== undefined && { preset: flags.preset }),
    ...(flags.config !== undefined && { file: flags.config }),
    set: [...flags.set, ...(flags.seed === undefined ? [] : [`run.seed=${flags.seed}`])],
  })
}

/** The same flags as arguments, for another process. */
export function configArguments(flags: ConfigFlags): string[] {
  return [
    ...(flags.preset === undefined ? [] : ['--preset', flags.preset]),
    ...(flags.config === undefined ? [] : ['--config', flags.config]),
    ...flags.set.flatMap((line) => ['--set', line]),
    ...(flags.seed === undefined ? [] : ['--seed', String(flags.seed)]),
  ]
}

export function modeOf(flags: OutputFlags): TerminalMode {
  return flags.json ? 'json' : flags.quiet ? 'quiet' : 'auto'
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number')
  return Number(text)
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value]
}
