/**
 * Gemini through its generateContent API (or any address that speaks it): thinking budgets, images, response schema,
 * log-probabilities. https://ai.google.dev/api/generate-content
 */
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { z } from 'zod'
import type { LanguageModel, ModelRequest, TokenLogprob } from '../model.ts'
import { type ApiOptions, callApi, guardedFetch, readKey } from './api.ts'

export function gemini(model: string, options: ApiOptions): LanguageModel {
  const name = `gemini/${model}`
  return {
    name,
    variant: options.baseURL,
    async generate(request) {
      const sdk = createGoogleGenerativeAI({
        baseURL: options.baseURL,
        // The SDK would look for a variable of its own name.
        apiKey: readKey(options, name) ?? '',
        fetch: withLogprobs(guardedFetch(options), request.topLogprobs),
      })
      const budget = thinkingBudget(request.thinking)
      const call =
        budget === undefined
          ? {}
          : { providerOptions: { google: { thinkingConfig: { thinkingBudget: budget } } } }
      return callApi(name, sdk(model), request, { call, logprobs: readLogprobs }, options)
    },
  }
}

/** -1 lets the model decide. https://ai.google.dev/gemini-api/docs/thinking */
function thinkingBudget(thinking: ModelRequest['thinking']): number | undefined {
  return thinking === 'auto' ? -1 : thinking
}

/** The SDK has no setting for these two fields of generationConfig. */
function withLogprobs(inner: typeof fetch, alternatives: number | undefined): typeof fetch {
  if (alternatives === undefined) return inner
  return (input, init) => {
    const body = JSON.parse(String(init?.body))
    body.generationConfig = { ...body.generationConfig, responseLogprobs: true, logprobs: alternatives }
    return inner(input, { ...init, body: JSON.stringify(body) })
  }
}

const candidate = z.object({ token: z.string(), logProbability: z.number() })
const logprobsBody = z.object({
  candidates: z.tuple(
    [
      z.object({
        logprobsResult: z.object({
          chosenCandidates: z.array(candidate),
          topCandidates: z.array(z.object({ candidates: z.array(candidate).optional() })).optional(),
        }),
      }),
    ],
    z.unknown(),
  ),
})

function readLogprobs(body: unknown): TokenLogprob[] | undefined {
  const result = logprobsBody.safeParse(body)
  if (!result.success) return undefined
  const { chosenCandidates, topCandidates = [] } = result.data.candidates[0].logprobsResult
  const plain = ({ token, logProbability }: z.infer<typeof candidate>) => ({ token, logprob: logProbability })
  return chosenCandidates.map((chosen, i) => ({
    ...plain(chosen),
    top: (topCandidates[i]?.candidates ?? []).map(plain),
  }))
}
