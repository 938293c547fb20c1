/**
 * Forward passes over whole data sets in passes of bounded size: token log-probabilities of actions, and the
 * critics' probabilities of states. Results come in the order of the transitions.
 */
import { packPrompts, promptLengths, type Sequence, splitByTokens } from '../learn/packing.ts'
import { offsetsOf } from '../learn/arrays.ts'
import {
  chainLengths,
  packChains,
  type PrefixChain,
  prefixChains,
  singleChains,
} from '../learn/prefix-packing.ts'
import type { Role } from '../native/model.ts'
import type { Exact } from '../native/types.ts'
import { asConfigured, type PassMemory } from './pass-memory.ts'

export interface ScoringOptions {
  /** Tokens of one forward pass. */
  maxTokens: number
  /** Lets actions whose prompts extend each other share one sequence; the same numbers from fewer tokens. Default false. */
  packPrefixes?: boolean
  /** Rows of logits alive at once; the role's default when absent. */
  chunk?: number
  /** Log-probabilities with the sampler's bits. Default false. */
  exact?: Exact
  memory?: PassMemory
  signal?: AbortSignal
}

export interface TokenLogprobs {
  /** Log-probability of every action token end to end, [S]. */
  logprobs: Float32Array
  /** Where each transition's tokens begin, [N+1]. */
  offsets: Int32Array
}

/** log pi(a_t | s_t) per action token under a role, at the sampling temperature. */
export async function actionLogprobs(
  role: Pick<Role, 'logprobs'>,
  sequences: readonly Sequence[],
  options: ScoringOptions & { temperature: number },
): Promise<TokenLogprobs> {
  const offsets = offsetsOf(sequences.map((s) => s.actionIds.length))
  const logprobs = new Float32Array(offsets.at(-1) ?? 0)
  const rows = allRows(sequences)
  const chains = options.packPrefixes ? prefixChains(sequences, rows) : singleChains(rows)
  const order = Int32Array.from(chains, (_, c) => c)
  await (options.memory ?? asConfigured).run(options.maxTokens, async (maxTokens) => {
    for (const part of splitByTokens(order, chainLengths(sequences, chains), maxTokens)) {
      const merged = packChains(
        sequences,
        Array.from(part, (c) => chains[c] as PrefixChain),
      )
      const scored = await role.logprobs(merged.batch, {
        temperature: options.temperature,
        ...(options.chunk === undefined ? {} : { chunk: options.chunk }),
        ...(options.exact === undefined ? {} : { exact: options.exact }),
        ...withSignal(options),
      })
      const found = scored.logprobs.data as Float32Array
      merged.rows.forEach((row, a) => {
        const own = found.subarray(merged.scoredOffsets[a], merged.scoredOffsets[a + 1])
        logprobs.set(own, offsets[row])
      })
      scored.logprobs.dispose()
    }
  })
  return { logprobs, offsets }
}

export interface CriticScores {
  /** V(s_t), [N]. */
  values: Float32Array
  /** P(s_t), [N]. */
  potentials: Float32Array
}

/** Raw scores of a critic's M heads at the last prompt token of every state, [N, M]. */
export async function stateScores(
  critic: Pick<Role, 'scores'>,
  sequences: readonly Sequence[],
  heads: number,
  options: ScoringOptions,
): Promise<Float32Array> {
  const scores_NM = new Float32Array(sequences.length * heads)
  const lengths = promptLengths(sequences)
  await (options.memory ?? asConfigured).run(options.maxTokens, async (maxTokens) => {
    for (const rows of splitByTokens(allRows(sequences), lengths, maxTokens)) {
      const scores_BM = await critic.scores(packPrompts(sequences, rows), withSignal(options))
      scores_NM.set(scores_BM.data as Float32Array, (rows[0] as number) * heads)
      scores_BM.dispose()
    }
  })
  return scores_NM
}

function allRows(sequences: readonly Sequence[]): Int32Array {
  return Int32Array.from(sequences, (_, i) => i)
}

export function withSignal(options: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return options.signal ? { signal: options.signal } : {}
}
