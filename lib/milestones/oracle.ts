/**
 * The embedded suite's exact milestone checker: asks the task's template, which looks at the world itself.
 * Works on in-process sessions of the embedded web only.
 */
import type { World } from '../sites/kit.ts'
import type { EmbeddedWeb } from '../sites/registry.ts'
import { embeddedTaskOf, oracleReached } from '../sites/suite.ts'
import type { Task } from '../tasks/task.ts'
import { InProcessSession } from '../web/in-process.ts'
import type { Session } from '../web/session.ts'
import type { MilestoneChecker } from './checker.ts'

export function oracleChecker(web: EmbeddedWeb): MilestoneChecker {
  return {
    async check(task: Task, session: Session, answer?: string): Promise<Uint8Array> {
      if (!(session instanceof InProcessSession)) {
        throw new TypeError(
          `milestones: the oracle expected an in-process session of the embedded web for task ${task.task_id}; ` +
            'use a language-model checker with other drivers',
        )
      }
      const world = (session as InProcessSession<World>).world
      return oracleReached(embeddedTaskOf(web, task), world, await session.snapshot(), answer)
    },
  }
}
