/** `mira plan`: what a run would hold in memory, beside what there is; loads no weights. */
import { type Command, InvalidArgumentError } from 'commander'
import { parseBytes } from '../../plan/bytes.ts'
import { planText } from '../../plan/text.ts'
import { EXIT } from '../exit.ts'
import { type ConfigFlags, configOf, withConfigFlags } from '../options.ts'
import type { Context } from './context.ts'

interface PlanFlags extends ConfigFlags {
  json?: boolean
  memory?: number
}

export function addPlan(program: Command, context: Context): void {
  const command = program
    .command('plan')
    .description('print who would hold how much memory, and which settings would fit')
  withConfigFlags(command)
    .option('--memory <size>', 'plan for a GPU with this much free memory, for example 139GiB', memorySize)
    .option('--json', 'print JSON instead')
    .action(async (flags: PlanFlags) => {
      const config = configOf(flags)
      const { planHere } = await import('../../train/memory-plan.ts')
      const report = await planHere(config, flags.memory)
      context.out.write(`${flags.json ? JSON.stringify(report, null, 2) : planText(report)}\n`)
      context.exit(report.fits ? EXIT.ok : EXIT.failed)
    })
}

function memorySize(text: string): number {
  const bytes = parseBytes(text)
  if (bytes === undefined) throw new InvalidArgumentError('expected a size such as 139GiB or 24GB')
  return bytes
}
