/**
 * Plays MiniWoB++ tasks with scripts through the agent loop itself: the script's action becomes token ids, the loop
 * decodes and parses them as it would any policy's.
 */
import { fileURLToPath } from 'node:url'
import type { Episode } from '../../lib/agent/episode.ts'
import { judgeByEvaluation } from '../../lib/agent/judge.ts'
import { playEpisode } from '../../lib/agent/play.ts'
import { runScheduled } from '../../lib/suites/run-scheduled.ts'
import type { Suite } from '../../lib/suites/suite.ts'
import type { Task } from '../../lib/tasks/task.ts'
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts'
import { formatAction } from '../../lib/web/grammar.ts'
import type { Driver, Session } from '../../lib/web/session.ts'
import type { Script, Turn } from './miniwob-scripts.ts'

const tokenizer = Tokenizer.load(fileURLToPath(new URL('../../lib/tokenizer/embedded', import.meta.url)))

export interface PlayOptions {
  suite: Suite
  script: (task: Task) => Script
  horizon: number
  concurrency: number
  tasks?: readonly Task[]
}

/** One result per task, in order. */
export async function playScripted({
  suite,
  script,
  horizon,
  concurrency,
  tasks = suite.tasks,
}: PlayOptions) {
  return runScheduled(
    tasks,
    { concurrency, locks: suite.locks, reads: suite.reads },
    async (task, { index }): Promise<Episode> => {
      const { driver, turn } = listening(suite.driver)
      const say = script(task)
      return playEpisode(
        {
          driver,
          policy: {
            async act() {
              const text = formatAction(say(turn()))
              const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.special.endOfTurn])
              return { ids, logprobs: new Float32Array(ids.length) }
            },
            release: () => {},
          },
          tokenizer,
          checker: { check: async () => new Uint8Array() },
          judge: judgeByEvaluation,
          addressing: 'id',
          prompt: { style: 'compact', maxPromptTokens: 1000 },
          limits: { horizon, stuckRepeats: 0 },
        },
        { id: String(task.task_id), task, phase: 0, seed: BigInt(index), temperature: 0, session: index },
      )
    },
  )
}

/** A driver for one episode whose session's last observation can be asked for. */
function listening(inner: Driver): { driver: Driver; turn: () => Turn } {
  let session: Session | undefined
  let last: Turn | undefined
  return {
    driver: {
      async open(task, options) {
        const opened = await inner.open(task, options)
        session = opened
        const observe = opened.observe.bind(opened)
        opened.observe = async () => {
          const observation = await observe()
          last = {
            intent: session?.intent ?? task.intent,
            text: observation.text,
            elements: observation.elements,
            step: last === undefined ? 0 : last.step + 1,
          }
          return observation
        }
        return opened
      },
      close: () => inner.close(),
    },
    turn: () => {
      if (!last) throw new Error('the policy was asked before anything was observed')
      return last
    },
  }
}
