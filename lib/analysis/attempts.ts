/** pass@k of tasks that were played several times: which attempts belong together, and for which k there are enough. */
import { meanPassAtK } from './passk.ts'

export interface PassAtK {
  k: number
  /** Mean over the tasks with at least k attempts, [0, 1]. */
  rate: number
  tasks: number
}

/**
 * For k = 1, 2, 4, ... up to the most attempts at one task, that number included; [] where no task was played twice.
 *
 * @param attempts one entry per judged episode; equal `task` = attempts at one task
 */
export function passAtKCurve(attempts: Iterable<{ task: string; success: boolean }>): PassAtK[] {
  const tasks = new Map<string, { attempts: number; successes: number }>()
  for (const { task, success } of attempts) {
    const own = tasks.get(task) ?? { attempts: 0, successes: 0 }
    own.attempts++
    if (success) own.successes++
    tasks.set(task, own)
  }
  const counts = [...tasks.values()]
  const most = counts.reduce((max, { attempts: n }) => Math.max(max, n), 0)
  if (most < 2) return []
  const ks = new Set<number>()
  for (let k = 1; k < most; k *= 2) ks.add(k)
  ks.add(most)
  return [...ks].map((k) => {
    const enough = counts.filter(({ attempts: n }) => n >= k)
    return { k, rate: meanPassAtK(enough, k), tasks: enough.length }
  })
}
