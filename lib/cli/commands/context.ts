/** What a command needs of its surroundings; main.ts gives the process's, tests give their own. */
import type { Engine } from '../engine.ts'
import type { ExitCode } from '../exit.ts'
import type { Output } from '../terminal.ts'

export interface Context {
  out: Output
  err: Output
  engine(): Promise<Engine>
  /** Sets the exit code of the command. */
  exit(code: ExitCode): void
  /** Ends the process at once. */
  quit(code: number): void
}
