/** `mira config`: prints the configuration that the same options would train with. */
import type { Command } from 'commander'
import { configToYaml } from '../../config/load.ts'
import { EXIT } from '../exit.ts'
import { type ConfigFlags, configOf, withConfigFlags } from '../options.ts'
import type { Context } from './context.ts'

export function addConfig(program: Command, context: Context): void {
  const command = program.command('config').description('print the resolved configuration as YAML')
  withConfigFlags(command)
    .option('--json', 'print JSON instead')
    .action((flags: ConfigFlags & { json?: boolean }) => {
      const config = configOf(flags)
      context.out.write(flags.json ? `${JSON.stringify(config, null, 2)}\n` : configToYaml(config))
      context.exit(EXIT.ok)
    })
}
