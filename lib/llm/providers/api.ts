/**
 * What the models behind an HTTP API share: the key is read at the first call, one AI SDK call per request, whole or
 * streamed, its result as a ModelReply, its failure as a LanguageModelError. The SDK does the wire work; retries are
 * not its business here.
 */
import type { createGoogleGenerativeAI } from '@ai-sdk/google'
import { checkRequest } from '../check-request.ts'
import { LanguageModelError } from '../errors.ts'
import type { ModelReply, ModelRequest, TokenLogprob } from '../model.ts'
import type { Redact } from '../redact.ts'
import { apiError, refusedByError } from './api-error.ts'
import { ListenerError, streamCall } from './stream.ts'

/** The SDK's provider-side interface, LanguageModelV3 of @ai-sdk/provider. */
export type SdkModel = ReturnType<ReturnType<typeof createGoogleGenerativeAI>>
export type SdkCall = Parameters<SdkModel['doGenerate']>[0]
type SdkResult = Awaited<ReturnType<SdkModel['doGenerate']>>

/** What both ways to call have in common. */
export interface Heard extends Pick<SdkResult, 'finishReason' | 'usage' | 'warnings'> {
  /** Redacted. */
  text: string
  /** The raw reply, or the raw events of its stream. */
  bodies: unknown[]
}

export interface ApiOptions {
  baseURL: string
  /** Environment variable that holds the key; null = the server takes none. */
  keyEnv: string | null
  env: NodeJS.ProcessEnv
  redact: Redact
  /** Default: Node's. */
  fetch?: typeof fetch
  /** Told what the provider does not do with a setting, once per sentence. */
  onNote?: (note: string) => void
}

/** What a provider adds to the common call and reads from the raw body. */
export interface ApiDialect {
  call: Partial<SdkCall>
  /** Of a raw reply, or of one event of its stream. */
  logprobs?: (body: unknown) => TokenLogprob[] | undefined
  /** The raw reply says that the model declined, although it ended normally. */
  refused?: (body: unknown) => boolean
}

/** @throws LanguageModelError LLM_AUTH; the value is never part of it */
export function readKey({ keyEnv, env }: ApiOptions, name: string): string | undefined {
  if (keyEnv === null) return undefined
  const key = env[keyEnv]?.trim()
  if (!key) {
    throw new LanguageModelError(
      'LLM_AUTH',
      `${name}: expected a key in the environment variable ${keyEnv}, found none; set it`,
    )
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new LanguageModelError(
      'LLM_AUTH',
      `${name}: expected a key of printable ASCII characters in ${keyEnv}, found others; copy the key again`,
    )
  }
  return key
}

/** Follows no redirect: the SDKs' key headers would travel along to wherever it points. */
export function guardedFetch(options: ApiOptions): typeof fetch {
  const inner = options.fetch ?? fetch
  return (input, init) => inner(input, { ...init, redirect: 'manual' })
}

/** One request. @throws LanguageModelError, or the signal's reason */
export async function callApi(
  name: string,
  sdk: SdkModel,
  request: ModelRequest,
  { call, logprobs, refused }: ApiDialect,
  options: ApiOptions,
): Promise<ModelReply> {
  const started = performance.now()
  const { redact, onNote } = options
  checkRequest(request)
  let result: Heard
  try {
    const asked = { ...commonCall(request), ...call }
    const { onText } = request
    result = onText
      ? await streamCall(sdk, asked, onText, name, options)
      : whole(await sdk.doGenerate(asked), redact)
  } catch (error) {
    if (error instanceof ListenerError) throw error.cause
    request.signal?.throwIfAborted()
    if (error instanceof LanguageModelError) throw error
    const seconds = (performance.now() - started) / 1000
    if (refusedByError(error)) return { ...NOTHING, finish: 'refused', cached: false, seconds }
    throw apiError(error, name, redact)
  }
  for (const warning of result.warnings) onNote?.(redact(`${name}: ${sentence(warning)}`))
  const { text, bodies } = result
  const finish = bodies.some((body) => refused?.(body)) ? 'refused' : finishOf(result, name, redact)
  const read = bodies.flatMap((body) => {
    const tokens = request.topLogprobs === undefined ? undefined : logprobs?.(body)
    return tokens ? [tokens] : []
  })
  const tokens = read.length > 0 ? read.flat() : undefined
  if (request.topLogprobs !== undefined && tokens === undefined && finish !== 'refused') {
    throw new LanguageModelError(
      'LLM_MALFORMED',
      `${name}: expected log-probabilities in the reply since topLogprobs was asked for, found none; ` +
        'use a model and a server that give them',
    )
  }
  return {
    text,
    finish,
    ...(tokens && { logprobs: tokens.map((token) => cleanToken(token, redact)) }),
    usage: {
      inputTokens: result.usage.inputTokens.total ?? 0,
      outputTokens: result.usage.outputTokens.total ?? 0,
      thinkingTokens: result.usage.outputTokens.reasoning ?? 0,
    },
    cached: false,
    seconds: (performance.now() - started) / 1000,
  }
}

function whole({ content, finishReason, usage, warnings, response }: SdkResult, redact: Redact): Heard {
  const text = redact(content.map((part) => (part.type === 'text' ? part.text : '')).join(''))
  return { text, finishReason, usage, warnings, bodies: [response?.body] }
}

function cleanToken({ token, logprob, top }: TokenLogprob, redact: Redact): TokenLogprob {
  return {
    token: redact(token),
    logprob,
    top: top.map((other) => ({ ...other, token: redact(other.token) })),
  }
}

const NOTHING = { text: '', usage: { inputTokens: 0, outputTokens: 0, thinkingTokens: 0 } }

function commonCall(request: ModelRequest): SdkCall {
  const { system, messages, maxTokens, temperature, schema, seed, signal } = request
  const prompt: SdkCall['prompt'] = messages.map(({ role, content }) => {
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
    if (role === 'assistant') {
      return { role, content: parts.flatMap((part) => (part.type === 'text' ? [part] : [])) }
    }
    return {
      role,
      content: parts.map((part) =>
        part.type === 'text' ? part : { type: 'file', mediaType: 'image/png', data: part.png },
      ),
    }
  })
  if (system !== undefined) prompt.unshift({ role: 'system', content: system })
  return {
    prompt,
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(seed === undefined ? {} : { seed }),
    ...(signal && { abortSignal: signal }),
    ...(schema && {
      responseFormat: { type: 'json', name: schema.name, schema: schema.json as JsonSchema },
    }),
  }
}

type JsonSchema = NonNullable<Extract<NonNullable<SdkCall['responseFormat']>, { type: 'json' }>['schema']>

function finishOf({ finishReason }: Heard, name: string, redact: Redact): ModelReply['finish'] {
  if (finishReason.unified === 'length') return 'length'
  if (finishReason.unified === 'content-filter') return 'refused'
  if (finishReason.unified !== 'error') return 'stop'
  throw new LanguageModelError(
    'LLM_SERVER',
    redact(
      `${name}: expected a finished reply, the provider ended it with ${finishReason.raw ?? 'an error'}; ask again`,
    ),
    { retryable: true, status: 200 },
  )
}

function sentence(warning: SdkResult['warnings'][number]): string {
  if (warning.type === 'other') return warning.message
  return `${warning.feature} is not supported${warning.details ? ` (${warning.details})` : ''}`
}
