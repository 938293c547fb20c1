/**
 * Any server of OpenAI's chat completions: OpenAI, vLLM, SGLang, llama.cpp, Ollama. Images, JSON schema,
 * log-probabilities, and extra body fields for what only one server knows.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { z } from 'zod'
import { fitsStrictMode, schemaInstruction } from '../json-schema.ts'
import type { LanguageModel, ModelRequest, TokenLogprob } from '../model.ts'
import { type ApiOptions, callApi, guardedFetch, readKey } from './api.ts'

export interface OpenAIOptions extends ApiOptions {
  /** The server holds replies to a JSON schema; else JSON is asked for in the prompt. */
  structuredOutputs: boolean
  /** Field that limits the reply; auto: max_completion_tokens at api.openai.com, max_tokens elsewhere. */
  maxTokensField: 'auto' | 'max_tokens' | 'max_completion_tokens'
  /** Laid over the body of every request, such as { chat_template_kwargs: { enable_thinking: false } }. */
  extraBody: Readonly<Record<string, unknown>>
}

export function openai(model: string, options: OpenAIOptions): LanguageModel {
  const name = `openai/${model}`
  const { baseURL, structuredOutputs, maxTokensField, extraBody } = options
  const renamed =
    maxTokensField === 'max_completion_tokens' ||
    (maxTokensField === 'auto' && new URL(baseURL).host === 'api.openai.com')
  return {
    name,
    variant: JSON.stringify([baseURL, structuredOutputs, extraBody]),
    async generate(request) {
      const apiKey = readKey(options, name)
      const sdk = createOpenAICompatible({
        name: 'openai',
        baseURL,
        ...(apiKey === undefined ? {} : { apiKey }),
        fetch: guardedFetch(options),
        // Streamed replies count no tokens unless asked to.
        includeUsage: true,
        supportsStructuredOutputs: structuredOutputs,
        transformRequestBody: ({ max_tokens, ...body }) => ({
          ...body,
          ...(max_tokens === undefined
            ? {}
            : { [renamed ? 'max_completion_tokens' : 'max_tokens']: max_tokens }),
          ...extraBody,
        }),
      })
      const call = { providerOptions: { openai: bodyOptions(request) } }
      const asked = structuredOutputs ? request : instructed(request)
      return callApi(name, sdk(model), asked, { call, logprobs: readLogprobs, refused }, options)
    },
  }
}

function bodyOptions({ thinking, topLogprobs, schema }: ModelRequest) {
  const effort = reasoningEffort(thinking)
  return {
    ...(effort === undefined ? {} : { reasoningEffort: effort }),
    ...(topLogprobs === undefined ? {} : { logprobs: true, top_logprobs: topLogprobs }),
    ...(schema && { strictJsonSchema: fitsStrictMode(schema.json) }),
  }
}

/**
 * The protocol knows efforts, not budgets: the bounds are those Google gives for the two.
 * https://ai.google.dev/gemini-api/docs/openai#thinking
 */
function reasoningEffort(thinking: ModelRequest['thinking']): string | undefined {
  if (thinking === undefined || thinking === 'auto') return undefined
  if (thinking === 0) return 'none'
  return thinking <= 1024 ? 'low' : thinking <= 8192 ? 'medium' : 'high'
}

function instructed(request: ModelRequest): ModelRequest {
  if (!request.schema) return request
  const system = [request.system, schemaInstruction(request.schema)].filter(Boolean).join('\n\n')
  return { ...request, system }
}

const choices = <T extends z.ZodType>(first: T) => z.object({ choices: z.tuple([first], z.unknown()) })
const alternative = z.object({ token: z.string(), logprob: z.number() })
const logprobsBody = choices(
  z.object({
    logprobs: z.object({
      content: z.array(alternative.extend({ top_logprobs: z.array(alternative).nullish() })),
    }),
  }),
)
const refusal = z.object({ refusal: z.string().min(1) })
const refusalBody = choices(z.union([z.object({ message: refusal }), z.object({ delta: refusal })]))

function readLogprobs(body: unknown): TokenLogprob[] | undefined {
  const result = logprobsBody.safeParse(body)
  if (!result.success) return undefined
  return result.data.choices[0].logprobs.content.map(({ token, logprob, top_logprobs }) => ({
    token,
    logprob,
    top: top_logprobs ?? [],
  }))
}

/** Structured output has a field of its own for a model that declines. */
function refused(body: unknown): boolean {
  return refusalBody.safeParse(body).success
}
