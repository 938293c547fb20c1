/** What calls of language models took, so that it can be kept with a step and summed over episodes. Pure. */
import { z } from 'zod'
import type { ModelReply, Usage } from '../llm/model.ts'

export const spent = z.object({
  /** Replies a request was made for. */
  calls: z.int(),
  /** Replies that came from the response cache. */
  cached: z.int(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  /** Part of outputTokens. */
  thinkingTokens: z.number(),
  /** US dollars, cached replies at what they cost once; null where one has no price. */
  cost: z.number().nullable(),
  /** Wall-clock seconds of waiting, 0 for cached replies. */
  seconds: z.number(),
})
export type Spent = z.infer<typeof spent>

export const NOTHING: Spent = {
  calls: 0,
  cached: 0,
  inputTokens: 0,
  outputTokens: 0,
  thinkingTokens: 0,
  cost: 0,
  seconds: 0,
}

/** Of one reply; `usage` where a value took more replies than the one it was read from. */
export function spentOn(reply: ModelReply, usage: Usage = reply.usage): Spent {
  const { inputTokens, outputTokens, thinkingTokens, cost } = usage
  return {
    calls: reply.cached ? 0 : 1,
    cached: reply.cached ? 1 : 0,
    inputTokens,
    outputTokens,
    thinkingTokens,
    cost: cost ?? null,
    seconds: reply.seconds,
  }
}

export function sumSpent(all: Iterable<Spent>): Spent {
  const sum = { ...NOTHING }
  for (const one of all) {
    sum.calls += one.calls
    sum.cached += one.cached
    sum.inputTokens += one.inputTokens
    sum.outputTokens += one.outputTokens
    sum.thinkingTokens += one.thinkingTokens
    sum.cost = sum.cost === null || one.cost === null ? null : sum.cost + one.cost
    sum.seconds += one.seconds
  }
  return sum
}
