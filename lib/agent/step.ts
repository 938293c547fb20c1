/**
 * One step of an episode as it is kept for learning, journal and report. Token ids are the ids that were fed
 * and sampled; nothing is ever decoded and encoded again. A policy of texts has no ids: those fields are empty.
 */
import { z } from 'zod'
import type { Action } from '../web/action.ts'
import type { PlanStep } from './guide.ts'
import { spent } from './spent.ts'

/** What a prompted language model wrote for an action, and what that took. */
export const saidStep = z.object({
  /** SHA-256 of everything that was asked, in hexadecimal. */
  promptHash: z.string(),
  /** As it was written, reasoning included. */
  reply: z.string(),
  spent,
})
export type SaidStep = z.infer<typeof saidStep>

export interface Step {
  /** Prompt token ids as the policy saw them. */
  promptIds: Int32Array
  /** Sampled ids, the end-of-turn id included. */
  actionIds: Int32Array
  /** Behaviour log-probability of each sampled id at the sampling temperature, [actionIds.length]. */
  logprobs: Float32Array
  /** The sampled text, end-of-turn stripped; of a reply in words the part that is the action. */
  actionText: string
  action: Action
  /** Page the action was chosen on. */
  url: string
  pageText: string
  /** PNG of the viewport, where pictures were asked for; kept in a file of its own, never in a journal. */
  screenshot?: Uint8Array
  /** Why the action could not be carried out, if it could not. */
  error?: string
  /** Milestones reached after this action, as the checker says (not yet made monotone), [K] of 0/1. */
  reached: Uint8Array
  /** Of a prompted language model. */
  said?: SaidStep
  /** What a guide believed before this action (guide.ts); absent without one. */
  plan?: PlanStep
}
