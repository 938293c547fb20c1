/**
 * Many episodes side by side on one policy: as many in flight as asked, results in the order of the tasks, an
 * environment error retried once and then reported apart, never counted as a failure of the policy. An error of
 * the device that computes the policy ends the rollout.
 */
import { setMaxListeners } from 'node:events'
import { isDeviceError } from '../native/errors.ts'
import type { Task } from '../tasks/task.ts'
import type { Episode } from './episode.ts'
import { type AgentSetup, type PlayRequest, playEpisode } from './play.ts'
import { episodeSeed } from './seed.ts'

export interface RolloutPlan {
  tasks: readonly Task[]
  phase: number
  /** Names the stage ("phase-1", "test-0"): part of every episode's id and seed. */
  stage: string
  runSeed: number
  temperature: number
  concurrency: number
  signal?: AbortSignal
  onEpisode?: (episode: Episode, done: number, total: number) => void
}

export interface RolloutResult {
  episodes: Episode[]
  /** Episodes that the environment broke twice. */
  errors: { task: Task; error: unknown }[]
}

export async function rollout(setup: AgentSetup, plan: RolloutPlan): Promise<RolloutResult> {
  const results: (Episode | undefined)[] = new Array(plan.tasks.length)
  const errors: RolloutResult['errors'] = []
  const stop = new AbortController()
  // Every episode in flight listens: a signal of our own may have as many listeners as there are episodes.
  const signal = AbortSignal.any(plan.signal ? [plan.signal, stop.signal] : [stop.signal])
  setMaxListeners(0, signal)
  let next = 0
  let done = 0
  const worker = async () => {
    for (let i = next++; i < plan.tasks.length; i = next++) {
      const task = plan.tasks[i] as Task
      try {
        const episode = await playWithRetry(setup, {
          id: `${plan.stage}-${String(i).padStart(4, '0')}`,
          task,
          phase: plan.phase,
          seed: episodeSeed(plan.runSeed, plan.stage, i),
          temperature: plan.temperature,
          session: i,
          signal,
        })
        results[i] = episode
        plan.onEpisode?.(episode, ++done, plan.tasks.length)
      } catch (error) {
        if (signal.aborted) throw error
        if (isDeviceError(error)) {
          stop.abort(error)
          throw error
        }
        done++
        errors.push({ task, error })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(plan.concurrency, plan.tasks.length) }, worker))
  return { episodes: results.filter((episode) => episode !== undefined), errors }
}

/**
 * An episode, played once more from the start when the environment breaks it. What the signal or the device ends is
 * never played again.
 * @param onRetry told of the first failure
 */
export async function playWithRetry(
  setup: AgentSetup,
  request: PlayRequest,
  onRetry?: (error: unknown) => void,
): Promise<Episode> {
  try {
    return await playEpisode(setup, request)
  } catch (error) {
    if (request.signal?.aborted || isDeviceError(error)) throw error
    onRetry?.(error)
    return playEpisode(setup, request)
  }
}
