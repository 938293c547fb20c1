/**
 * Our own episodes as WebRL's scored traces: the same pages, raw replies and scores; token ids and milestones have
 * no place there. The way to policy rows, conversations and outcome items goes through a trace.
 */
import type { Episode } from '../agent/episode.ts'
import { PAST_PAGE } from './prompt.ts'
import type { ScoredTrace } from './trace.ts'

/**
 * Score of an episode in WebRL's scale: -0.1 where nothing was scored (an environment that failed, a task no judge
 * could decide), which no step of WebRL's takes for a success.
 */
export function scoreOf(episode: Episode): number {
  return episode.end === 'error' || episode.judgement.unscorable !== undefined
    ? -0.1
    : episode.judgement.score
}

/**
 * Traces of episodes with at least one step. A trace is named by its task where every task was played once, as in
 * an evaluation, else by the episode.
 */
export function episodesToTraces(episodes: readonly Episode[]): ScoredTrace[] {
  const played = episodes.filter((episode) => episode.steps.length > 0)
  const byTask = new Set(played.map((episode) => String(episode.task.task_id))).size === played.length
  return played.map((episode) => {
    const id = byTask ? episode.task.task_id : episode.id
    return traceOfEpisode(episode, id)
  })
}

export function traceOfEpisode(episode: Episode, id: number | string): ScoredTrace {
  const { intent } = episode.task
  const score = scoreOf(episode)
  const steps = episode.steps.map((step, index) => ({
    trace_id: id,
    index,
    prompt: index === 0 ? intent : PAST_PAGE,
    html: step.pageText,
    response: step.actionText,
    target: intent,
    fixed_response: step.actionText,
    score,
  }))
  return { id: String(id).replace(/[^\w.-]+/g, '_'), steps }
}
