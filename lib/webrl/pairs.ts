/**
 * Imitation data: what an agent read and what it should have answered, from traces, policy rows or conversations,
 * as texts and as token ids. The ids are composed by the same composer as in episodes, so that imitation and
 * reinforcement learning read one language.
 */
import { PromptComposer, type PromptLimits, type PromptStyle } from '../agent/prompt.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { WebRLError } from './errors.ts'
import type { PolicyRow } from './policy-rows.ts'
import { type PromptParts, parseCompletionPrompt } from './prompt.ts'
import type { TraceStep } from './trace.ts'

export interface ImitationPair {
  intent: string
  /** Raw replies of the turns before, oldest first. */
  history: string[]
  pageText: string
  /** The reply to learn. */
  reply: string
}

/** The shape of lib/train's samples: answer `actionIds` (end of turn included) to `promptIds`. */
export interface EncodedPair {
  promptIds: Int32Array
  actionIds: Int32Array
}

/** One pair per action; rows where the harness stopped the episode have no reply and are left out. */
export function pairsOfTrace(steps: readonly TraceStep[]): ImitationPair[] {
  return steps.flatMap((step, i) =>
    step.response === ''
      ? []
      : {
          intent: step.target,
          history: steps.slice(0, i).map((earlier) => earlier.response),
          pageText: step.html,
          reply: step.response,
        },
  )
}

/** @throws WebRLError when the observation is no completion prompt */
export function pairOfRow(row: PolicyRow, where: string): ImitationPair {
  return pairOf(row.observation, row.action, where)
}

/** @throws WebRLError when `prompt` is no completion prompt */
export function pairOf(prompt: string, reply: string, where: string): ImitationPair {
  const parts: PromptParts | undefined = parseCompletionPrompt(prompt)
  if (!parts) {
    throw new WebRLError(
      'ERR_WEBRL_FORMAT',
      `${where}: expected a WebRL completion prompt ("Task Instruction: ..., Round ..."), received ` +
        `${JSON.stringify(prompt.slice(0, 60))}; other conversations cannot be mapped to turns`,
    )
  }
  return {
    intent: parts.intent,
    history: parts.rounds.map((round) => round.reply),
    pageText: parts.page,
    reply: reply.endsWith(END_OF_TURN) ? reply.slice(0, -END_OF_TURN.length) : reply,
  }
}

const END_OF_TURN = '<|eot_id|>'

/** Token ids of pairs on Gemma's turns. Past replies are encoded here once: demonstrations were sampled elsewhere. */
export async function* encodePairs(
  pairs: Iterable<ImitationPair> | AsyncIterable<ImitationPair>,
  tokenizer: Tokenizer,
  prompt: { style: PromptStyle } & PromptLimits,
): AsyncGenerator<EncodedPair> {
  let composer: PromptComposer | undefined
  let intent: string | undefined
  for await (const pair of pairs) {
    // A composer keeps what it encoded: one for each run of pairs of the same task.
    if (composer === undefined || intent !== pair.intent) {
      composer = new PromptComposer(tokenizer, prompt.style, prompt)
      intent = pair.intent
    }
    const promptIds = composer.compose({
      intent: pair.intent,
      history: pair.history.map((text) => ({ actionIds: reply(tokenizer, text), failed: false })),
      pageText: pair.pageText,
    })
    yield { promptIds, actionIds: reply(tokenizer, pair.reply) }
  }
}

function reply(tokenizer: Tokenizer, text: string): Int32Array {
  const ids = tokenizer.encode(text)
  const closed = new Int32Array(ids.length + 1)
  closed.set(ids)
  closed[ids.length] = tokenizer.special.endOfTurn
  return closed
}
