/**
 * A local Gemma3 as a language model: chat turns in, text and log-probabilities out, no network. Text only; a schema is
 * asked for in the prompt; thinking budgets mean nothing to it; onText gets the reply as one piece, since the generator
 * gives whole sequences. Owns nothing: whoever loaded the engine disposes it.
 */
import { createHash } from 'node:crypto'
import type { Generator } from '../../native/generator.ts'
import type { Role } from '../../native/role.ts'
import type { GenerateResult } from '../../native/types.ts'
import type { Tokenizer } from '../../tokenizer/tokenizer.ts'
import { checkRequest } from '../check-request.ts'
import { LanguageModelError } from '../errors.ts'
import type { LanguageModel, ModelReply, ModelRequest } from '../model.ts'
import { gemmaTurns } from './gemma-turns.ts'
import { nativeLogprobs } from './native-logprobs.ts'

export interface NativeEngine {
  /** The role the generator samples from. */
  role: Role
  generator: Generator
  tokenizer: Tokenizer
  /** Longest prompt and reply together, tokens: the generator's. */
  maxLength: number
}

/** A request without maxTokens gets this many, where the context has room. */
const REPLY_TOKENS = 1024

/** `engine` is asked for at the first call, so that a model that is never used is never loaded. */
export function native(name: string, engine: () => Promise<NativeEngine>): LanguageModel {
  return {
    name,
    async generate(request) {
      const reply = await answer(request)
      if (reply.text !== '') request.onText?.(reply.text)
      return reply
    },
  }

  async function answer(request: ModelRequest): Promise<ModelReply> {
    const started = performance.now()
    checkRequest(request)
    request.signal?.throwIfAborted()
    try {
      const { role, generator, tokenizer, maxLength } = await engine()
      const ids = gemmaTurns(tokenizer, request)
      const maxNewTokens = room(name, ids.length, request.maxTokens, maxLength)
      const { endOfTurn, eos } = tokenizer.special
      const result = await generator.generate(
        {
          ids,
          maxNewTokens,
          temperature: request.temperature ?? 1,
          stopIds: [endOfTurn, eos],
          seed: samplingSeed(request),
        },
        request.signal ? { signal: request.signal } : {},
      )
      const reply = replyIds(result)
      const logprobs = await nativeLogprobs(role, tokenizer, ids, reply, request)
      return {
        text: tokenizer.decode(reply),
        finish: result.stop === 'length' ? 'length' : 'stop',
        ...(logprobs && { logprobs }),
        usage: { inputTokens: ids.length, outputTokens: result.ids.length, thinkingTokens: 0 },
        cached: false,
        seconds: (performance.now() - started) / 1000,
      }
    } catch (error) {
      request.signal?.throwIfAborted()
      if (error instanceof LanguageModelError) throw error
      // Asking the same again gives the same: nothing here is worth a retry.
      throw new LanguageModelError('LLM_SERVER', `${name}: ${(error as Error)?.message ?? String(error)}`, {
        cause: error,
      })
    }
  }
}

/** New tokens the context has room for. */
function room(name: string, prompt: number, asked: number | undefined, maxLength: number): number {
  const left = maxLength - prompt
  if (left < 1) {
    throw new LanguageModelError(
      'LLM_BAD_REQUEST',
      `${name}: expected a prompt of less than ${maxLength} tokens, got ${prompt}; shorten it or raise llm.providers.native.maxLength`,
    )
  }
  return Math.min(left, asked ?? REPLY_TOKENS)
}

/** Without the stop token. */
function replyIds({ ids, stop }: GenerateResult): Int32Array {
  return stop === 'id' ? ids.subarray(0, -1) : ids
}

/** Samples of one request differ by their number; the number itself would draw alike for every prompt. */
function samplingSeed({ seed = 0 }: ModelRequest): bigint {
  return createHash('sha256').update(`sample ${seed}`).digest().readBigUInt64LE()
}
