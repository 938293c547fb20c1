/** Success of the current policy on held-out tasks, by site, with how episodes ended. */
import type { Episode } from '../agent/episode.ts'
import { rollout } from '../agent/rollout.ts'
import type { Evaluation } from '../run/events.ts'
import type { Split, Task } from '../tasks/task.ts'
import { completedAt, monotoneBelief } from '../milestones/belief.ts'
import type { Trainer } from './trainer.ts'

/** Plays the tasks at the evaluation temperature and reports; `keep` stores the episodes with the run. */
export async function evaluatePolicy(
  trainer: Trainer,
  split: Exclude<Split, 'train'>,
  phase: number,
  tasks: readonly Task[],
  options: { keep: boolean },
): Promise<Evaluation> {
  return trainer.stage(split, phase, { total: tasks.length, unit: 'episodes' }, async () => {
    const started = performance.now()
    let successes = 0
    const { episodes, errors } = await rollout(trainer.agent, {
      tasks,
      phase,
      stage: `${split}-${phase}`,
      runSeed: trainer.config.run.seed,
      temperature: trainer.config.evaluation.temperature,
      concurrency: trainer.config.agent.concurrency,
      ...(trainer.signal ? { signal: trainer.signal } : {}),
      onEpisode: (episode, done, total) => {
        successes += episode.judgement.score >= 1 ? 1 : 0
        trainer.emit({ type: 'progress', stage: split, phase, done, total, successes })
      },
    })
    for (const { task, error } of errors) {
      trainer.emit({
        type: 'warning',
        phase,
        message: `task ${task.task_id} was left out: the environment failed twice (${String(error)})`,
      })
    }
    if (options.keep) for (const episode of episodes) trainer.run.saveEpisode(episode)
    const result = summarise(split, episodes, (performance.now() - started) / 1000)
    trainer.emit({ type: 'evaluation', phase, ...result })
    return { result, metrics: { success: result.episodes > 0 ? result.successes / result.episodes : 0 } }
  })
}

export function summarise(split: Split, episodes: readonly Episode[], seconds: number): Evaluation {
  const sites = new Map<string, { site: string; episodes: number; successes: number }>()
  const ends: Record<string, number> = {}
  let successes = 0
  let progress = 0
  for (const episode of episodes) {
    const [site, ...more] = episode.task.sites
    const name = more.length > 0 || site === undefined ? 'cross-site' : site
    const row = sites.get(name) ?? { site: name, episodes: 0, successes: 0 }
    sites.set(name, row)
    const success = episode.judgement.score >= 1 ? 1 : 0
    row.episodes++
    row.successes += success
    successes += success
    ends[episode.end] = (ends[episode.end] ?? 0) + 1
    progress += milestoneShare(episode)
  }
  return {
    split,
    episodes: episodes.length,
    successes,
    sites: [...sites.values()].sort((a, b) => a.site.localeCompare(b.site)),
    ends,
    ...(episodes.length > 0 ? { progress: progress / episodes.length } : {}),
    seconds,
  }
}

/** Share of milestones reached by the end, [0, 1]. */
function milestoneShare(episode: Episode): number {
  const k = episode.steps[0]?.reached.length ?? 0
  if (k === 0) return 0
  const belief = monotoneBelief(episode.steps.map((step) => step.reached))
  return completedAt(belief, k, episode.steps.length - 1) / k
}
