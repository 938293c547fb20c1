/**
 * Claude through the messages API: thinking, images, JSON by output format or tool, as the model has it. It gives no
 * log-probabilities. https://docs.anthropic.com/en/api/messages
 */
import { createAnthropic } from '@ai-sdk/anthropic'
import { LanguageModelError } from '../errors.ts'
import type { LanguageModel, ModelRequest } from '../model.ts'
import { type ApiOptions, callApi, guardedFetch, readKey, type SdkCall } from './api.ts'

export function anthropic(model: string, options: ApiOptions): LanguageModel {
  const name = `anthropic/${model}`
  return {
    name,
    variant: options.baseURL,
    async generate(request) {
      if (request.topLogprobs !== undefined) {
        throw new LanguageModelError(
          'LLM_BAD_REQUEST',
          `topLogprobs: expected a provider that gives log-probabilities, got ${name}; use gemini, openai or native`,
        )
      }
      const sdk = createAnthropic({
        baseURL: options.baseURL,
        apiKey: readKey(options, name) ?? '',
        fetch: guardedFetch(options),
      })
      // There are no seeds; which sample it is matters to the cache alone.
      const { seed: _, ...seedless } = request
      const { providerOptions, ...rest } = thinkingCall(request)
      // Arguments that the API streams before it has checked them need not be JSON.
      const anthropic = { ...providerOptions?.anthropic, toolStreaming: false }
      return callApi(
        name,
        sdk(model),
        seedless,
        { call: { ...rest, providerOptions: { anthropic } } },
        options,
      )
    },
  }
}

/** Budgets below this are refused by the API. */
const LEAST_BUDGET = 1024

function thinkingCall({ thinking, maxTokens }: ModelRequest): Partial<SdkCall> {
  if (thinking === undefined) return {}
  if (thinking === 0) return { providerOptions: { anthropic: { thinking: { type: 'disabled' } } } }
  if (thinking === 'auto') return { providerOptions: { anthropic: { thinking: { type: 'adaptive' } } } }
  const budgetTokens = Math.max(LEAST_BUDGET, thinking)
  const providerOptions = { anthropic: { thinking: { type: 'enabled' as const, budgetTokens } } }
  if (maxTokens === undefined) return { providerOptions }
  if (maxTokens <= budgetTokens) {
    throw new LanguageModelError(
      'LLM_BAD_REQUEST',
      `maxTokens: expected more than the thinking budget of ${budgetTokens}, which is part of it, got ${maxTokens}; raise it`,
    )
  }
  // The SDK adds the budget to what it sends; maxTokens here has it already.
  return { providerOptions, maxOutputTokens: maxTokens - budgetTokens }
}
