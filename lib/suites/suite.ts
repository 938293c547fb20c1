/**
 * A task suite ready to be played: its tasks, the driver that opens them, what may not run side by side, and how
 * its sites are put back into their first state.
 */
import type { Task } from '../tasks/task.ts'
import type { Driver } from '../web/session.ts'
import type { Placement } from './schedule.ts'

export interface Suite {
  /** "embedded", "webarena-lite", "webrl", "miniwob". */
  readonly name: string
  readonly tasks: readonly Task[]
  readonly driver: Driver
  /**
   * What a task changes, by name of the shared state ("shopping"); two tasks that share a lock are never played
   * side by side, and nothing else that reads it runs meanwhile. [] for a task that only reads or has a world of its own.
   */
  locks(task: Task): readonly string[]
  /** Shared state a task only reads, by the same names. */
  reads(task: Task): readonly string[]
  /** Ids, as strings, of tasks to be played before this one; absent where none has any. */
  dependsOn?(task: Task): readonly string[]
  /** How many copies of a shared state there are to play on side by side; 1 where a name is absent. */
  readonly instances?: Readonly<Record<string, number>>
  /** The task on the copies a schedule assigned; absent where there is one of each. */
  at?(task: Task, placement: Placement): Task
  /** Puts the named states back and waits until they answer; absent where nothing can be reset. */
  reset?(names: readonly string[], signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}
