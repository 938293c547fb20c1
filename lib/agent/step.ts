/**
 * One step of an episode as it is kept for learning, journal and report. Token ids are the ids that were fed
 * and sampled; nothing is ever decoded and encoded again.
 */
import type { Action } from '../web/action.ts'

export interface Step {
  /** Prompt token ids as the policy saw them. */
  promptIds: Int32Array
  /** Sampled ids, the end-of-turn id included. */
  actionIds: Int32Array
  /** Behaviour log-probability of each sampled id at the sampling temperature, [actionIds.length]. */
  logprobs: Float32Array
  /** The sampled text, end-of-turn stripped. */
  actionText: string
  action: Action
  /** Page the action was chosen on. */
  url: string
  pageText: string
  /** Why the action could not be carried out, if it could not. */
  error?: string
  /** Milestones reached after this action, as the checker says (not yet made monotone), [K] of 0/1. */
  reached: Uint8Array
}
