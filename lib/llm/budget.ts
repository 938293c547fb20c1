/**
 * budgeted(model, budget): prices every reply, and refuses a call before the run could pass its spending cap. A call
 * first reserves the most it can cost; where calls under way hold too much, it waits for them to settle.
 */
import { settleOrAbort } from './deadline.ts'
import { LanguageModelError } from './errors.ts'
import { wrap } from './middleware.ts'
import type { LanguageModel, ModelRequest, Usage } from './model.ts'

/** US dollars per million tokens; thinking tokens cost what output costs. */
export interface Price {
  input: number
  output: number
}

/** No public price list bills an image of a viewport's size above this many tokens. */
const IMAGE_TOKENS = 4096
/** Turn markers, role names and the like, per message. */
const MESSAGE_TOKENS = 16

/** Money of one run, shared by its models. */
export class Budget {
  /** US dollars; null = no cap. */
  readonly cap: number | null
  #spent = 0
  #reserved = 0
  #waiting: (() => void)[] = []

  constructor(cap: number | null) {
    this.cap = cap
  }

  /** US dollars of settled calls. */
  get spent(): number {
    return this.#spent
  }

  /** US dollars calls under way may cost at most. */
  get reserved(): number {
    return this.#reserved
  }

  /** Sets `most` dollars aside; the result is called once with what was spent. @throws LanguageModelError LLM_BUDGET */
  async reserve(most: number, who: string, signal?: AbortSignal): Promise<(spent: number) => void> {
    while (this.cap !== null && this.#spent + this.#reserved + most > this.cap) {
      if (this.#reserved === 0) throw this.#refusal(most, who, this.cap)
      const settled = new Promise<void>((resolve) => this.#waiting.push(resolve))
      await (signal ? settleOrAbort(settled, signal) : settled)
    }
    this.#reserved += most
    let open = true
    return (spent) => {
      if (!open) return
      open = false
      this.#reserved -= most
      // What floating-point sums leave over must not look like a call under way.
      if (this.#reserved < 1e-12) this.#reserved = 0
      this.#spent += spent
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  #refusal(most: number, who: string, cap: number): LanguageModelError {
    return new LanguageModelError(
      'LLM_BUDGET',
      `${who}: expected a call that fits llm.capDollars = ${cap}, got one that may cost ${most.toFixed(4)} with ` +
        `${this.#spent.toFixed(4)} spent; raise the cap or lower maxTokens`,
    )
  }
}

/** @throws LanguageModelError LLM_BUDGET at once where there is a cap but no price */
export function budgeted(model: LanguageModel, budget: Budget, price: Price | undefined): LanguageModel {
  if (!price) {
    if (budget.cap === null) return model
    throw new LanguageModelError(
      'LLM_BUDGET',
      `llm.prices: expected a price for ${model.name} because llm.capDollars is set, found none; add one`,
    )
  }
  return wrap(model, async (request) => {
    const most = budget.cap === null ? undefined : dollars(mostTokens(request), price)
    const settle = await budget.reserve(most ?? 0, model.name, request.signal)
    try {
      const reply = await model.generate(request)
      // A server that counts nothing still bills: a prompt never has no tokens.
      const cost = reply.usage.inputTokens > 0 ? dollars(reply.usage, price) : most
      settle(cost ?? 0)
      return cost === undefined ? reply : { ...reply, usage: { ...reply.usage, cost } }
    } catch (error) {
      settle(mayBeBilled(error) ? (most ?? 0) : 0)
      throw error
    }
  })
}

function dollars(usage: Pick<Usage, 'inputTokens' | 'outputTokens'>, price: Price): number {
  return (usage.inputTokens * price.input + usage.outputTokens * price.output) / 1e6
}

/** Upper bounds: a token is at least one byte of text, and no reply is longer than asked for. */
function mostTokens(request: ModelRequest): Pick<Usage, 'inputTokens' | 'outputTokens'> {
  if (request.maxTokens === undefined) {
    throw new LanguageModelError(
      'LLM_BAD_REQUEST',
      'maxTokens: expected a limit, since what a call may cost depends on it, got none; set llm.maxTokens',
    )
  }
  let tokens = bytes(request.system) + bytes(request.schema && JSON.stringify(request.schema.json))
  for (const { content } of request.messages) {
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
    tokens += MESSAGE_TOKENS
    for (const part of parts) tokens += part.type === 'text' ? bytes(part.text) : IMAGE_TOKENS
  }
  return { inputTokens: tokens, outputTokens: request.maxTokens }
}

function bytes(text: string | undefined): number {
  return text === undefined ? 0 : Buffer.byteLength(text)
}

/** A reply that was cut off, unreadable or no longer awaited may have been paid for all the same. */
function mayBeBilled(error: unknown): boolean {
  if (!(error instanceof LanguageModelError)) return true
  if (error.code === 'LLM_TIMEOUT' || error.code === 'LLM_MALFORMED') return true
  // A 2xx: the connection broke while the reply was read. No status: before one came.
  return error.code === 'LLM_SERVER' && error.status !== undefined && error.status < 300
}
