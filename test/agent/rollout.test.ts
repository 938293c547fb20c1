/** Who is to blame when an episode breaks: the environment, once more and then apart; the device, at once. */
import { expect, test } from 'vitest'
import type { AgentSetup } from '../../lib/agent/play.ts'
import { rollout } from '../../lib/agent/rollout.ts'
import type { Task } from '../../lib/tasks/task.ts'

const tasks = Array.from({ length: 8 }, (_, i) => ({ task_id: `task-${i}` }) as unknown as Task)
const plan = { tasks, phase: 1, stage: 'phase-1', runSeed: 1, temperature: 1, concurrency: 4 }

/** A setup whose episodes end as they begin. */
function setup(open: (task: Task, signal: AbortSignal) => Promise<never>): AgentSetup {
  return {
    driver: { open: (task: Task, { signal }: { signal: AbortSignal }) => open(task, signal) },
    policy: { act: () => Promise.reject(new Error('never asked')), release() {} },
  } as unknown as AgentSetup
}

test('a broken environment is tried twice and reported apart', async () => {
  const opened: string[] = []
  const { episodes, errors } = await rollout(
    setup(async (task) => {
      opened.push(String(task.task_id))
      throw new Error('the site is down')
    }),
    plan,
  )
  expect(episodes).toEqual([])
  expect(errors.map(({ task }) => task.task_id)).toEqual(tasks.map(({ task_id }) => task_id))
  expect(opened).toHaveLength(16)
})

test.each(['ERR_CUDA_FATAL', 'ERR_CUDA_OOM', 'ERR_OUT_OF_MEMORY'])(
  '%s ends the rollout with that error, and the episodes beside it',
  async (code) => {
    const lost = Object.assign(new Error('the device is lost'), { code })
    let stopped = 0
    const rolling = rollout(
      setup((task, signal) =>
        task.task_id === 'task-2'
          ? Promise.reject(lost)
          : new Promise((_, reject) =>
              signal.addEventListener('abort', () => {
                stopped++
                reject(signal.reason)
              }),
            ),
      ),
      plan,
    )
    await expect(rolling).rejects.toBe(lost)
    expect(stopped).toBe(3)
  },
)

test('an interrupted rollout rejects with the reason of its signal', async () => {
  const stop = new AbortController()
  const rolling = rollout(
    setup(
      (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ),
    { ...plan, signal: stop.signal },
  )
  stop.abort(new Error('enough'))
  await expect(rolling).rejects.toThrow('enough')
})
