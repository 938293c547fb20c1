/**
 * Forward passes over whole data sets in passes of bounded size: token log-probabilities of actions, and the
 * critics' probabilities of states. Results come in the order of the transitions.
 */
import { headProbabilities } from '../learn/critic-targets.ts'
import {
  packActions,
  packPrompts,
  promptLengths,
  type Sequence,
  sequenceLengths,
  splitByTokens,
} from '../learn/packing.ts'
import { offsetsOf } from '../learn/arrays.ts'
import type { Role } from '../native/model.ts'

export interface ScoringOptions {
  /** Tokens of one forward pass. */
  maxTokens: number
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
  const lengths = sequenceLengths(sequences)
  for (const rows of splitByTokens(allRows(sequences), lengths, options.maxTokens)) {
    const { batch } = packActions(sequences, rows)
    const scored = await role.logprobs(batch, { temperature: options.temperature, ...withSignal(options) })
    logprobs.set(scored.logprobs.data as Float32Array, offsets[rows[0] as number])
    scored.logprobs.dispose()
  }
  return { logprobs, offsets }
}

export interface CriticScores {
  /** V(s_t), [N]. */
  values: Float32Array
  /** P(s_t), [N]. */
  potentials: Float32Array
}

/** Both critics' probabilities at the last prompt token of every state. */
export async function criticScores(
  critic: Pick<Role, 'scores'>,
  sequences: readonly Sequence[],
  options: ScoringOptions,
): Promise<CriticScores> {
  const values = new Float32Array(sequences.length)
  const potentials = new Float32Array(sequences.length)
  for (const rows of splitByTokens(allRows(sequences), promptLengths(sequences), options.maxTokens)) {
    const scores_B2 = await critic.scores(packPrompts(sequences, rows), withSignal(options))
    const raw = scores_B2.data as Float32Array
    values.set(headProbabilities(raw, 'value'), rows[0])
    potentials.set(headProbabilities(raw, 'potential'), rows[0])
    scores_B2.dispose()
  }
  return { values, potentials }
}

function allRows(sequences: readonly Sequence[]): Int32Array {
  return Int32Array.from(sequences, (_, i) => i)
}

export function withSignal(options: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return options.signal ? { signal: options.signal } : {}
}
