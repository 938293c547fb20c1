/**
 * The policy that plays a run's episodes: a generator on the actor's own weights, made when the first token is
 * asked for and given back before weights are updated, so that keys and values never stand beside activations.
 */
import { NativePolicy, type Policy, type PolicyReply, type PolicyRequest } from '../agent/policy.ts'
import type { Generator } from '../native/generator.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

export class GenerationPolicy implements Policy {
  readonly #open: () => Generator
  readonly #tokenizer: Tokenizer
  readonly #maxNewTokens: number
  #generator: Generator | undefined
  #policy: NativePolicy | undefined

  constructor(open: () => Generator, tokenizer: Tokenizer, maxNewTokens: number) {
    this.#open = open
    this.#tokenizer = tokenizer
    this.#maxNewTokens = maxNewTokens
  }

  act(request: PolicyRequest): Promise<PolicyReply> {
    if (!this.#policy) {
      this.#generator = this.#open()
      this.#policy = new NativePolicy(this.#generator, this.#tokenizer, this.#maxNewTokens)
    }
    return this.#policy.act(request)
  }

  release(session: number): void {
    this.#policy?.release(session)
  }

  /** Bytes of keys and values held. */
  get cacheBytes(): number {
    return this.#generator?.stats().cacheBytes ?? 0
  }

  /** Gives the caches back; no episode may be running. The next request makes them anew. */
  close(): void {
    this.#generator?.dispose()
    this.#generator = undefined
    this.#policy = undefined
  }
}
