/**
 * The language models of a run, by spec or by role, over one cache, one budget, one queue per server and one ledger.
 * Nothing is opened, read or loaded before the first call. Around every API model, from outside in: ledger, default
 * length, cache, queue, retries, budget (so every attempt is paid for), provider.
 */
import PQueue from 'p-queue'
import { Budget, budgeted } from './budget.ts'
import { CacheStore } from './cache-store.ts'
import { cached, type ResponseCache } from './cached.ts'
import { LanguageModelError } from './errors.ts'
import { limited } from './limited.ts'
import { wrap } from './middleware.ts'
import type { LanguageModel } from './model.ts'
import { anthropic } from './providers/anthropic.ts'
import type { ApiOptions } from './providers/api.ts'
import { gemini } from './providers/gemini.ts'
import { native } from './providers/native.ts'
import { type LoadedEngine, loadNativeEngine, type NativeOptions } from './providers/native-engine.ts'
import { openai } from './providers/openai.ts'
import { type Redact, redactor, secretsOf } from './redact.ts'
import { type Clock, retrying, systemClock } from './retry.ts'
import {
  type LanguageModelSettings,
  type LanguageModelSettingsInput,
  type ModelRole,
  parseSettings,
} from './settings.ts'
import { SingleFlight } from './single-flight.ts'
import { type ModelSpec, parseBaseURL, parseSpec } from './spec.ts'
import { counted, UsageLedger, type UsageRow } from './usage.ts'

export interface Surroundings {
  /** Where keys are. Default: the process's environment as it is when the models are opened. */
  env?: NodeJS.ProcessEnv
  /** Default: Node's. */
  fetch?: typeof fetch
  clock?: Clock
  /** Told once per sentence what goes on without being an error: damaged cache entries, settings not supported. */
  onNote?: (note: string) => void
}

export class LanguageModels {
  readonly settings: LanguageModelSettings
  readonly budget: Budget
  readonly #around: Required<Omit<Surroundings, 'fetch' | 'onNote'>> & Pick<Surroundings, 'fetch'>
  readonly #note: (note: string) => void
  readonly #redact: Redact
  readonly #cache: ResponseCache
  readonly #ledger = new UsageLedger()
  readonly #queues = new Map<string, PQueue>()
  readonly #engines = new Map<string, Promise<LoadedEngine>>()
  #closed = false

  /** @throws LanguageModelError LLM_BAD_REQUEST naming the wrong setting */
  constructor(settings: LanguageModelSettingsInput = {}, around: Surroundings = {}) {
    this.settings = parseSettings(settings)
    const { env = process.env, clock = systemClock, fetch, onNote } = around
    // A copy: what is redacted and what is sent stay the same keys.
    this.#around = { env: { ...env }, clock, ...(fetch && { fetch }) }
    this.#note = once(onNote)
    this.#redact = redactor(secretsOf(env, this.#keyNames()))
    this.budget = new Budget(this.settings.capDollars)
    const { mode, directory } = this.settings.cache
    const store = new CacheStore(directory, this.#redact)
    this.#cache = { mode, store, flights: new SingleFlight(), onNote: this.#note }
  }

  /**
   * The model of a spec ("gemini:gemini-2.5-pro"), its calls counted under `purpose`.
   * @throws LanguageModelError LLM_BAD_REQUEST, or LLM_BUDGET where a cap has no price to go by
   */
  model(spec: string, purpose = 'other'): LanguageModel {
    const parsed = parseSpec(spec)
    const model = parsed.provider === 'native' ? this.#native(parsed) : this.#served(parsed)
    const { maxTokens } = this.settings
    const bounded =
      maxTokens === null ? model : wrap(model, (request) => model.generate({ maxTokens, ...request }))
    return counted(bounded, this.#ledger, purpose)
  }

  /** The model configured for a role, or undefined; the rater falls back on the planner's. */
  role(role: ModelRole): LanguageModel | undefined {
    const { models } = this.settings
    const spec = models[role] ?? (role === 'rater' ? models.planner : null)
    return spec === null ? undefined : this.model(spec, role)
  }

  /** Calls, tokens, dollars and failures so far, by purpose and model. */
  usage(): UsageRow[] {
    return this.#ledger.rows()
  }

  /** Gives the memory of native models back; further calls to them are errors. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    const engines = [...this.#engines.values()]
    this.#engines.clear()
    for (const engine of await Promise.allSettled(engines)) {
      if (engine.status === 'fulfilled') engine.value.close()
    }
  }

  #served(spec: ModelSpec): LanguageModel {
    const { retry, concurrency, queueSeconds, prices } = this.settings
    const provider = this.#provider(spec)
    const paid = budgeted(provider, this.budget, prices[`${spec.provider}:${spec.model}`])
    const patient = retrying(paid, retry, this.#around.clock)
    return cached(limited(patient, this.#queue(this.#address(spec), concurrency), queueSeconds), this.#cache)
  }

  #provider(spec: ModelSpec): LanguageModel {
    const { providers } = this.settings
    const baseURL = this.#address(spec)
    const options = (keyEnv: string | null): ApiOptions => {
      const { env, fetch } = this.#around
      return { baseURL, keyEnv, env, redact: this.#redact, onNote: this.#note, ...(fetch && { fetch }) }
    }
    if (spec.provider === 'gemini') return gemini(spec.model, options(providers.gemini.keyEnv))
    if (spec.provider === 'anthropic') return anthropic(spec.model, options(providers.anthropic.keyEnv))
    const { keyEnv, structuredOutputs, maxTokensField, extraBody } = providers.openai
    const official = new URL(baseURL).host === 'api.openai.com'
    const api = options(keyEnv ?? (official ? OPENAI_KEY : null))
    return openai(spec.model, { ...api, structuredOutputs, maxTokensField, extraBody })
  }

  /** Local, so neither cached (its weights may change under one name) nor paid for nor asked again. */
  #native({ model: folder }: ModelSpec): LanguageModel {
    const { retry, providers } = this.settings
    const load = () => {
      if (this.#closed) {
        throw new LanguageModelError(
          'LLM_BAD_REQUEST',
          `native:${folder}: expected open models, these were closed`,
        )
      }
      let engine = this.#engines.get(folder)
      if (!engine) {
        engine = loadNativeEngine(folder, providers.native as NativeOptions)
        this.#engines.set(folder, engine)
        // A folder that is repaired can be tried again.
        engine.catch(() => this.#engines.delete(folder))
      }
      return engine
    }
    const model = native(`native/${folder}`, async () => load())
    const once = { ...retry, attempts: 1, attemptSeconds: retry.deadlineSeconds }
    return retrying(model, once, this.#around.clock)
  }

  #address(spec: ModelSpec): string {
    if (spec.provider === 'native') return ''
    return spec.baseURL ?? parseBaseURL(this.settings.providers[spec.provider].baseURL)
  }

  #queue(address: string, concurrency: number): PQueue {
    let queue = this.#queues.get(address)
    if (!queue) {
      queue = new PQueue({ concurrency })
      this.#queues.set(address, queue)
    }
    return queue
  }

  #keyNames(): string[] {
    const { gemini, openai, anthropic } = this.settings.providers
    return [gemini.keyEnv, openai.keyEnv ?? OPENAI_KEY, anthropic.keyEnv]
  }
}

const OPENAI_KEY = 'OPENAI_API_KEY'

/** One model with surroundings of its own; see LanguageModels for several that share a budget. */
export function languageModel(
  spec: string,
  settings: LanguageModelSettingsInput = {},
  around: Surroundings = {},
): LanguageModel & { close(): Promise<void> } {
  const models = new LanguageModels(settings, around)
  return { ...models.model(spec), close: () => models.close() }
}

function once(tell: ((note: string) => void) | undefined): (note: string) => void {
  const told = new Set<string>()
  return (note) => {
    if (told.has(note)) return
    told.add(note)
    tell?.(note)
  }
}
