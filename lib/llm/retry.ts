/**
 * retrying(model): asks again after failures that pass (429, 5xx, broken connections, unreadable bodies, slow
 * attempts), waiting as long as the server asks or with full jitter, within one deadline for the whole call. A streamed
 * reply that broke off after its first piece is an error: nobody is told the same twice.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
import { sleep, timeLimit } from './deadline.ts'
import { LanguageModelError } from './errors.ts'
import { wrap } from './middleware.ts'
import type { LanguageModel, ModelReply, ModelRequest } from './model.ts'

export interface RetryPolicy {
  /** Requests per call at most, the first included. */
  attempts: number
  /** Longest wait for one reply. */
  attemptSeconds: number
  /** Longest wait for the next piece of a streamed reply after its first. */
  silenceSeconds: number
  /** Longest wait for the call, all attempts and pauses included. */
  deadlineSeconds: number
  /** The n-th pause is drawn evenly from 0 to backoffSeconds 2^(n-1), at most maxBackoffSeconds. */
  backoffSeconds: number
  maxBackoffSeconds: number
  /** Longest pause a server's Retry-After is followed for. */
  maxRetryAfterSeconds: number
}

/** What tests replace. */
export interface Clock {
  /** Seconds. */
  now(): number
  sleep(seconds: number, signal?: AbortSignal): Promise<void>
  /** Even in [0, 1). */
  random(): number
}

export const systemClock: Clock = { now: () => performance.now() / 1000, sleep, random: Math.random }

export function retrying(model: LanguageModel, policy: RetryPolicy, clock = systemClock): LanguageModel {
  return wrap(model, async (request) => {
    const started = clock.now()
    const deadline = started + policy.deadlineSeconds
    const told: Told = { characters: 0 }
    for (let attempt = 1; ; attempt++) {
      const left = deadline - clock.now()
      try {
        const reply = await askOnce(model, request, policy, left, told)
        return { ...reply, seconds: clock.now() - started }
      } catch (error) {
        if (told.thrown?.error === error) throw error
        if (!(error instanceof LanguageModelError) || !error.retryable) throw error
        if (told.characters > 0) throw brokenOff(error, told.characters)
        const wait = pause(error, attempt, policy, clock.random())
        if (attempt >= policy.attempts || clock.now() + wait >= deadline) {
          throw givenUp(error, attempt, clock.now() - started, policy)
        }
        await clock.sleep(wait, request.signal)
      }
    }
  })
}

/** What the caller's onText has been given of a call, and how it failed. */
interface Told {
  characters: number
  thrown?: { error: unknown }
}

async function askOnce(
  model: LanguageModel,
  request: ModelRequest,
  { attemptSeconds, silenceSeconds }: RetryPolicy,
  left: number,
  told: Told,
): Promise<ModelReply> {
  request.signal?.throwIfAborted()
  const [seconds, setting] =
    left <= attemptSeconds ? [left, 'deadlineSeconds'] : [attemptSeconds, 'attemptSeconds']
  const limit = timeLimit(seconds, request.signal)
  const { onText } = request
  const tell = (piece: string) => {
    // A model that does not heed its signal is not listened to either.
    if (limit.signal.aborted) return
    told.characters += piece.length
    limit.beat(silenceSeconds)
    try {
      onText?.(piece)
    } catch (error) {
      told.thrown = { error }
      throw error
    }
  }
  try {
    const asked = { ...request, signal: limit.signal, ...(onText && { onText: tell }) }
    return await limit.race(model.generate(asked))
  } catch (error) {
    if (limit.silent) {
      throw new LanguageModelError(
        'LLM_TIMEOUT',
        `${model.name}: expected the next piece of the reply within ${silenceSeconds} s, none came; raise llm.retry.silenceSeconds`,
        { retryable: true },
      )
    }
    if (!limit.expired) throw error
    throw new LanguageModelError(
      'LLM_TIMEOUT',
      `${model.name}: expected a reply within ${Number(seconds.toPrecision(3))} s, none came; raise llm.retry.${setting}`,
      { retryable: true },
    )
  } finally {
    limit.end()
  }
}

function brokenOff(error: LanguageModelError, characters: number): LanguageModelError {
  const { code, status, retryAfterSeconds } = error
  return new LanguageModelError(
    code,
    `${error.message} (not asked again: ${characters} characters of the reply had been given)`,
    {
      cause: error,
      ...(status === undefined ? {} : { status }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  )
}

/** Seconds before the next attempt. */
function pause(error: LanguageModelError, attempt: number, policy: RetryPolicy, random: number): number {
  const asked = error.retryAfterSeconds
  // A little jitter on top: callers that were turned away together come back apart.
  if (asked !== undefined)
    return Math.min(asked, policy.maxRetryAfterSeconds) + random * policy.backoffSeconds
  return random * Math.min(policy.maxBackoffSeconds, policy.backoffSeconds * 2 ** (attempt - 1))
}

function givenUp(error: LanguageModelError, attempts: number, seconds: number, policy: RetryPolicy) {
  const tried = `${attempts} of ${policy.attempts} attempts in ${Number(seconds.toPrecision(3))} of ${policy.deadlineSeconds} s`
  const { code, status, retryAfterSeconds } = error
  return new LanguageModelError(code, `${error.message} (given up after ${tried})`, {
    cause: error,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}
