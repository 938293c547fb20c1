/**
 * cached(model, cache): equal requests are asked once, ever (read-write), or never (offline: what is not on disk is an
 * error, and the model behind is not called). With the mode off every call is its own. A reply that somebody else's
 * call fetched, now or earlier, is given to onText as one piece.
 */
import type { CacheStore } from './cache-store.ts'
import { cacheKey, canonicalRequest } from './canonical.ts'
import { LanguageModelError } from './errors.ts'
import { wrap } from './middleware.ts'
import type { LanguageModel, ModelReply, ModelRequest } from './model.ts'
import type { SingleFlight } from './single-flight.ts'

export type CacheMode = 'off' | 'read-write' | 'offline'

export interface ResponseCache {
  mode: CacheMode
  store: CacheStore
  /** Shared by all models over one store: requests under way, by key. */
  flights: SingleFlight<ModelReply>
  /** Told what is wrong with the cache while calls go on: damaged entries, entries that cannot be written. */
  onNote?: (note: string) => void
}

export function cached(model: LanguageModel, cache: ResponseCache): LanguageModel {
  if (cache.mode === 'off') return model
  return wrap(model, async (request) => {
    const key = cacheKey(model, request)
    const { onText, ...rest } = request
    const listener = onText && listening(onText, request.signal)
    try {
      const { value, shared } = await cache.flights.run(
        key,
        (signal) =>
          findOrAsk(model, { ...rest, signal, ...(listener && { onText: listener.onText }) }, key, cache),
        listener?.signal ?? request.signal,
      )
      if ((shared || value.cached) && value.text !== '') onText?.(value.text)
      return shared && !value.cached ? { ...value, cached: true, seconds: 0 } : value
    } finally {
      listener?.end()
    }
  })
}

/** A throwing onText takes its own caller out of the flight, never the others that wait for the same reply. */
function listening(onText: (piece: string) => void, caller?: AbortSignal) {
  const controller = new AbortController()
  const leave = () => controller.abort(caller?.reason)
  if (caller?.aborted) leave()
  else caller?.addEventListener('abort', leave, { once: true })
  return {
    signal: controller.signal,
    onText(piece: string) {
      if (controller.signal.aborted) return
      try {
        onText(piece)
      } catch (error) {
        controller.abort(error)
      }
    },
    end: () => caller?.removeEventListener('abort', leave),
  }
}

async function findOrAsk(
  model: LanguageModel,
  request: ModelRequest,
  key: string,
  { mode, store, onNote }: ResponseCache,
): Promise<ModelReply> {
  const found = await store.read(key)
  if (found.kind === 'hit') return { ...found.reply, cached: true, seconds: 0 }
  const damage = found.kind === 'damaged' ? found.problem : undefined
  if (mode === 'offline') {
    throw new LanguageModelError(
      'LLM_OFFLINE',
      `${model.name}: expected the reply in the response cache at ${store.path(key)}, ` +
        `${damage ?? 'found no such file'}; llm.cache.mode is "offline": run once with "read-write"`,
    )
  }
  if (damage !== undefined) onNote?.(`${damage}; asked again`)
  const reply = await model.generate(request)
  try {
    await store.write(key, canonicalRequest(model, request), reply)
  } catch (error) {
    // The reply is paid for: a full disk must not lose it.
    onNote?.(`${store.path(key)}: reply not kept (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
  }
  return reply
}
