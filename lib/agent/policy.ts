/**
 * Whoever chooses the next action: prompt ids in, sampled ids and their log-probabilities out. The native
 * Gemma policy lives here; a prompted language model or a JavaScript function can stand in its place.
 */
import type { Generator } from '../native/generator.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

export interface PolicyRequest {
  promptIds: Int32Array
  /** Keeps the KV cache of an episode's earlier turns; unique per running episode. */
  session: number
  seed: bigint
  /** 0 = greedy. */
  temperature: number
  signal?: AbortSignal
}

export interface PolicyReply {
  /** Sampled ids, the stop id included. */
  ids: Int32Array
  /** log-probability of each id at the sampling temperature. */
  logprobs: Float32Array
}

export interface Policy {
  act(request: PolicyRequest): Promise<PolicyReply>
  /** The episode is over; its cache can go. */
  release(session: number): void
}

/** Samples from a role of the native model until the turn ends. */
export class NativePolicy implements Policy {
  readonly #generator: Generator
  readonly #stopIds: Int32Array
  readonly #maxNewTokens: number

  constructor(generator: Generator, tokenizer: Tokenizer, maxNewTokens: number) {
    this.#generator = generator
    this.#stopIds = Int32Array.of(tokenizer.special.endOfTurn, tokenizer.special.eos)
    this.#maxNewTokens = maxNewTokens
  }

  async act(request: PolicyRequest): Promise<PolicyReply> {
    const result = await this.#generator.generate(
      {
        ids: request.promptIds,
        maxNewTokens: this.#maxNewTokens,
        temperature: request.temperature,
        stopIds: this.#stopIds,
        seed: request.seed,
        session: request.session,
      },
      request.signal ? { signal: request.signal } : {},
    )
    return { ids: result.ids, logprobs: result.logprobs }
  }

  release(session: number): void {
    this.#generator.release(session)
  }
}
