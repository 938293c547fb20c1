/**
 * The embedded suite's exact milestone checker: asks the task's template, which looks at the world itself.
 * Works on sessions of the embedded web only, in process or in Chromium.
 */
import type { WorldSession } from '../sites/kit.ts'
import type { EmbeddedWeb } from '../sites/registry.ts'
import { embeddedTaskOf, oracleReached } from '../sites/suite.ts'
import type { MilestoneChecker } from './checker.ts'

export function oracleChecker(web: EmbeddedWeb): MilestoneChecker {
  return {
    async check({ task, session, answer }) {
      if (!session || !('world' in session)) {
        throw new TypeError(
          `milestones: the oracle expected a session of the embedded web for task ${task.task_id}; ` +
            'use a language-model checker with other drivers and with kept episodes',
        )
      }
      const { world } = session as WorldSession
      return oracleReached(embeddedTaskOf(web, task), world, await session.snapshot(), answer)
    },
  }
}
