/** counted(model, ledger, purpose): who asked which model for what, how often, and what it took; keeps no texts. */
import { LanguageModelError, type LanguageModelErrorCode } from './errors.ts'
import { wrap } from './middleware.ts'
import type { LanguageModel, ModelReply } from './model.ts'

export interface UsageRow {
  /** "planner", "judge", ... */
  purpose: string
  /** LanguageModel.name */
  model: string
  /** Replies that a request was made for. */
  calls: number
  /** Replies that none was made for. */
  cached: number
  /** Calls that ended in an error, by its code; ABORTED = the caller's signal. */
  failures: Partial<Record<LanguageModelErrorCode | 'ABORTED', number>>
  /** Of calls only, as all that follows. */
  inputTokens: number
  outputTokens: number
  /** Part of outputTokens. */
  thinkingTokens: number
  /** US dollars; undefined once a reply had no price. */
  cost: number | undefined
  /** Seconds from asking to reply, summed over calls. */
  seconds: number
}

export class UsageLedger {
  readonly #rows = new Map<string, UsageRow>()

  /** Copies, in the order of first use. */
  rows(): UsageRow[] {
    return [...this.#rows.values()].map((row) => ({ ...row, failures: { ...row.failures } }))
  }

  add(purpose: string, model: string, reply: ModelReply): void {
    const row = this.#row(purpose, model)
    if (reply.cached) {
      row.cached++
      return
    }
    const { inputTokens, outputTokens, thinkingTokens, cost } = reply.usage
    row.calls++
    row.inputTokens += inputTokens
    row.outputTokens += outputTokens
    row.thinkingTokens += thinkingTokens
    row.cost = row.cost === undefined || cost === undefined ? undefined : row.cost + cost
    row.seconds += reply.seconds
  }

  fail(purpose: string, model: string, error: unknown): void {
    const { failures } = this.#row(purpose, model)
    const code = error instanceof LanguageModelError ? error.code : 'ABORTED'
    failures[code] = (failures[code] ?? 0) + 1
  }

  #row(purpose: string, model: string): UsageRow {
    const key = JSON.stringify([purpose, model])
    let row = this.#rows.get(key)
    if (!row) {
      const none = { calls: 0, cached: 0, inputTokens: 0, outputTokens: 0, thinkingTokens: 0, seconds: 0 }
      row = { purpose, model, failures: {}, cost: 0, ...none }
      this.#rows.set(key, row)
    }
    return row
  }
}

export function counted(model: LanguageModel, ledger: UsageLedger, purpose: string): LanguageModel {
  return wrap(model, async (request) => {
    try {
      const reply = await model.generate(request)
      ledger.add(purpose, model.name, reply)
      return reply
    } catch (error) {
      ledger.fail(purpose, model.name, error)
      throw error
    }
  })
}
