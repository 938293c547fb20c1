/** `mira report`: writes report.html anew from what a run directory holds. */
import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import type { Context } from './context.ts'

export function addReport(program: Command, context: Context): void {
  program
    .command('report')
    .description('write report.html of a run, finished or not')
    .argument('<run>', 'run directory, for example runs/latest')
    .action(async (directory: string) => {
      const { writeReport } = await import('../../report/build.ts')
      context.out.write(`${await writeReport(directory)}\n`)
      context.exit(EXIT.ok)
    })
}
