/** The one-line name of a model, "provider:model" or "provider:model@http://address", as parts; opens nothing. */
import { LanguageModelError } from './errors.ts'

export const PROVIDERS = ['gemini', 'openai', 'anthropic', 'native'] as const
export type Provider = (typeof PROVIDERS)[number]

export interface ModelSpec {
  provider: Provider
  /** The provider's name of the model; native: the folder of a checkpoint. */
  model: string
  /** Without a trailing slash; undefined = the configured one. */
  baseURL: string | undefined
}

const EXAMPLES =
  '"gemini:gemini-2.5-pro", "openai:NAME@http://localhost:8000/v1", "anthropic:NAME" or "native:DIR"'

/** @throws LanguageModelError LLM_BAD_REQUEST */
export function parseSpec(spec: string): ModelSpec {
  const [, provider, rest = ''] = /^([a-z]+):(.+)$/s.exec(spec.trim()) ?? []
  if (!PROVIDERS.includes(provider as Provider)) {
    // The head only: what follows may be an address with a password in it.
    throw bad(
      `model: expected ${EXAMPLES}, got "${spec.slice(0, 24).split('@')[0]}"; name the provider first`,
    )
  }
  if (provider === 'native') return { provider, model: rest, baseURL: undefined }
  const [, model = rest, address] = /^(.+?)@(https?:\/\/.*)$/s.exec(rest) ?? []
  return {
    provider: provider as Provider,
    model,
    baseURL: address === undefined ? undefined : parseBaseURL(address),
  }
}

/** An http(s) address without a trailing slash. @throws LanguageModelError LLM_BAD_REQUEST */
export function parseBaseURL(address: string): string {
  let url: URL
  try {
    url = new URL(address)
  } catch (cause) {
    throw bad('model: expected an http(s) address after "@", got none that can be parsed', cause)
  }
  if (url.username || url.password || url.search || url.hash) {
    throw bad(
      `model: expected an address without user, password, query or fragment, got one for ${url.host}; ` +
        'put the key into the environment variable named by llm.providers.*.keyEnv',
    )
  }
  return url.href.replace(/\/+$/, '')
}

function bad(message: string, cause?: unknown): LanguageModelError {
  return new LanguageModelError('LLM_BAD_REQUEST', message, cause === undefined ? {} : { cause })
}
