/** Yes-or-no questions to a language model as P(YES), from log-probabilities where the model's server gives them. */
import { LanguageModelError } from '../llm/errors.ts'
import type { LanguageModel, ModelRequest } from '../llm/model.ts'
import { probabilityOfYes } from '../llm/yes-no.ts'

/**
 * @param topLogprobs Alternatives asked for; 0 = none, the word decides; "auto" = tried, and done without from the
 * first time that only the question without them is answered
 * @returns P(YES), undefined where neither word was said or the reply was withheld; rejects as generate does
 */
export function yesNoAsker(
  model: LanguageModel,
  topLogprobs: number | 'auto',
): (request: ModelRequest) => Promise<number | undefined> {
  let alternatives = topLogprobs === 'auto' ? FEW : topLogprobs
  const ask = async (request: ModelRequest) => {
    const reply = await model.generate(request)
    return reply.finish === 'refused' ? undefined : probabilityOfYes(reply)
  }
  return async (request) => {
    if (alternatives === 0) return ask(request)
    try {
      return await ask({ ...request, topLogprobs: alternatives })
    } catch (error) {
      if (topLogprobs !== 'auto' || !(error instanceof LanguageModelError) || !WITHOUT.has(error.code))
        throw error
      const probability = await ask(request)
      alternatives = 0
      return probability
    }
  }
}

/** Every provider that gives any gives as many, and both words are among them. */
const FEW = 5

/** How servers say that they have none; offline: how a cache says that only the question without them was asked. */
const WITHOUT = new Set(['LLM_BAD_REQUEST', 'LLM_MALFORMED', 'LLM_OFFLINE'])
