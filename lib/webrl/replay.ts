/**
 * WebRL's choice of what to learn from (second stage of its process_data): discounted returns, the first success of
 * every task, the band of the actor's own probability, and how much old experience joins the new. Pure functions;
 * the scores come from whoever has the actor. mira's own replay is lib/learn/replay.ts.
 */
import type { PolicyRow } from './policy-rows.ts'

/** mc_t = sum over k >= t of gamma^(k-t) r_k, [rewards.length]. With the score on every row a success of 3 gives 2.71, 1.9, 1. */
export function monteCarloReturns(rewards: readonly number[], gamma = 0.9): number[] {
  const returns: number[] = new Array(rewards.length)
  let following = 0
  for (let t = rewards.length - 1; t >= 0; t--) {
    following = (rewards[t] as number) + gamma * following
    returns[t] = following
  }
  return returns
}

export function withReturns(trajectory: readonly PolicyRow[], gamma = 0.9): PolicyRow[] {
  const returns = monteCarloReturns(
    trajectory.map((row) => row.reward),
    gamma,
  )
  return trajectory.map((row, t) => ({ ...row, mc_return: returns[t] as number }))
}

/**
 * Splits trajectories into the first success of each task text and the failures; further successes are dropped.
 * @param chunks Upstream deals trajectories over 8 processes and applies the rule in each: up to 8 successes a task
 */
export function firstSuccesses(
  trajectories: Iterable<readonly PolicyRow[]>,
  chunks = 1,
): { successes: (readonly PolicyRow[])[]; failures: (readonly PolicyRow[])[] } {
  const seen = Array.from({ length: chunks }, () => new Set<string>())
  const successes: (readonly PolicyRow[])[] = []
  const failures: (readonly PolicyRow[])[] = []
  let number = 0
  for (const trajectory of trajectories) {
    const tasks = seen[number++ % chunks] as Set<string>
    const first = trajectory[0]
    if (!first) continue
    if (first.trajectory_reward < 0.5) {
      failures.push(trajectory)
    } else if (!tasks.has(first.task)) {
      tasks.add(first.task)
      successes.push(trajectory)
    }
  }
  return { successes, failures }
}

/** exp(sum / n) = 1 / perplexity of an action under the actor; the end-of-turn token is left out. */
export function rankScore(logprobs: ArrayLike<number>): number {
  let sum = 0
  for (let n = 0; n < logprobs.length; n++) sum += logprobs[n] as number
  return Math.exp(sum / logprobs.length)
}

/** Neither hopeless nor settled: 0.5 < rank <= 0.95, perplexity in [1/0.95, 1/0.5). Rows without a score never pass. */
export function inReplayBand(row: PolicyRow, low = 0.5, high = 0.95): boolean {
  return row.rank_score !== undefined && row.rank_score > low && row.rank_score <= high
}

export interface ReplayChoice {
  /** Scored rows of earlier successes. */
  past: readonly PolicyRow[]
  /** All rows of the current phase, successes and failures; all are kept. */
  current: readonly PolicyRow[]
  /** As lib/learn/random.ts has it. */
  random: { shuffle<T>(items: T[]): T[] }
  band?: readonly [low: number, high: number]
  /** Past rows at most, as a multiple of the current ones. Default 2. */
  ratio?: number
}

/** What a phase trains on, shuffled: single rows, trajectories are not kept together. */
export function chooseReplay({
  past,
  current,
  random,
  band = [0.5, 0.95],
  ratio = 2,
}: ReplayChoice): PolicyRow[] {
  const eligible = random.shuffle([...past]).filter((row) => inReplayBand(row, ...band))
  return random.shuffle([...eligible.slice(0, Math.floor(ratio * current.length)), ...current])
}
