/**
 * A language model as everything in this project asks one: text and images in; text, log-probabilities and usage
 * out. Providers, cache, retries and budget are behind it; prompts of a particular use are not.
 */

export type ContentPart = { type: 'text'; text: string } | { type: 'image'; png: Uint8Array }

export interface ChatMessage {
  role: 'user' | 'assistant'
  content: string | readonly ContentPart[]
}

export interface ModelRequest {
  system?: string
  messages: readonly ChatMessage[]
  /** Longest reply, tokens, thinking included where the provider counts it so. */
  maxTokens?: number
  /** 0 = greedy. */
  temperature?: number
  /** Reasoning tokens: a budget, 0 = none, "auto" = as many as the model likes. */
  thinking?: number | 'auto'
  /** JSON schema the reply must be an instance of; use askFor (structured.ts) for a validated value. */
  schema?: { name: string; json: unknown }
  /** Ask for the log-probabilities of the reply's tokens and of this many alternatives each, 0 to 20. */
  topLogprobs?: number
  /** Which of several samples of one request: part of the cache key, and sent where the provider takes a seed. */
  seed?: number
  /**
   * Given: the reply is streamed. Called with the pieces of its visible text, in order, none empty, before the promise
   * settles; joined they are ModelReply.text. A cached or shared reply and a native one come as one piece. What it
   * throws ends the call, which rejects with it. After the first piece a failure is not retried.
   */
  onText?: (piece: string) => void
  signal?: AbortSignal
}

export interface TokenLogprob {
  token: string
  /** Natural logarithm of the probability. */
  logprob: number
  /** Most probable alternatives, the token itself included where it is one of them. */
  top: { token: string; logprob: number }[]
}

export interface Usage {
  inputTokens: number
  outputTokens: number
  /** Part of outputTokens. */
  thinkingTokens: number
  /** US dollars by the configured prices; undefined where no price is known. What it cost once, where cached. */
  cost?: number
}

export interface ModelReply {
  text: string
  /** length: cut at maxTokens; refused: the provider withheld a reply. */
  finish: 'stop' | 'length' | 'refused'
  logprobs?: TokenLogprob[]
  usage: Usage
  /** No request was made: from the response cache, or shared with an equal request under way. */
  cached: boolean
  /** Wall-clock seconds, retries included; 0 where cached. */
  seconds: number
}

export interface LanguageModel {
  /** "provider/model", part of every cache key and report. */
  readonly name: string
  /** What else decides its replies (address, extra settings): part of every cache key. */
  readonly variant?: string
  /**
   * Rejects with LanguageModelError (errors.ts) after the retries that make sense, or with the reason of
   * request.signal once that has fired.
   */
  generate(request: ModelRequest): Promise<ModelReply>
}
