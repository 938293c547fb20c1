/**
 * P(YES) from the log-probabilities of a language model's first word, or from a Gemma3 in this process. Both are
 * sigmoid(log P(YES) - log P(NO)), so a probability that goes to other words counts for neither.
 */
import type { LanguageModel, ModelReply, ModelRequest } from '../llm/model.ts'
import { probabilityOfYes as probabilityOf, sigmoid } from '../llm/yes-no.ts'
import type { Role } from '../native/model.ts'
import type { PackedBatch } from '../native/types.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { WebRLError } from './errors.ts'
import type { OutcomeScorer } from './orm.ts'
import { fitOrmParts, ORM_SYSTEM, ormInstruction } from './orm-prompt.ts'
import { codePoints, sliceTo } from './text.ts'

export interface ModelScorerOptions {
  /** Default: our own wording; the published model was trained on the published one. */
  system?: string
  /** Code points of the instruction at most; about four make a token. Default 60,000, for 16,384 tokens. */
  maxChars?: number
  /** Alternatives asked for per token; 0 = none, for providers that give none: the word alone decides. Default 20. */
  topLogprobs?: number
  /** Longest reply, tokens: an outcome model needs one, a thinking one many. Default 1024. */
  maxTokens?: number
  /** Default: not said. 0 spares a model that can do without it the thinking; servers of other models may refuse it. */
  thinking?: ModelRequest['thinking']
}

export function modelScorer(model: LanguageModel, options: ModelScorerOptions = {}): OutcomeScorer {
  const { system = ORM_SYSTEM, maxChars = 60_000, topLogprobs = 20, maxTokens = 1024, thinking } = options
  return {
    name: model.name,
    async probability(parts, signal) {
      const fitted = fitOrmParts(parts, maxChars, codePoints, sliceTo)
      const reply = await model.generate({
        system,
        messages: [{ role: 'user', content: ormInstruction(fitted) }],
        maxTokens,
        temperature: 0,
        ...(thinking !== undefined && { thinking }),
        ...(topLogprobs > 0 && { topLogprobs }),
        ...(signal ? { signal } : {}),
      })
      return probabilityOfYes(reply)
    },
  }
}

/**
 * P(YES) of a reply, as lib/llm/yes-no.ts reads it.
 * @throws WebRLError ERR_WEBRL_VERDICT when neither word is there
 */
export function probabilityOfYes(reply: Pick<ModelReply, 'text' | 'logprobs' | 'finish'>): number {
  const probability = probabilityOf(reply)
  if (probability !== undefined) return probability
  throw new WebRLError(
    'ERR_WEBRL_VERDICT',
    `outcome model: expected YES or NO, received ${JSON.stringify(reply.text.slice(0, 80))} (${reply.finish})`,
  )
}

export interface GemmaScorerOptions {
  /** Default: our own wording. */
  system?: string
  /** Tokens of prompt and answer at most. Default 16,384, as in training the published model. */
  maxTokens?: number
  /** Names the model in reports. Default "gemma". */
  name?: string
}

/**
 * Scores the two answers behind the same prompt with a role's log-probabilities: two forward passes over the prompt,
 * and no logits but those of the answers. An answer of several tokens counts with their product.
 */
export function gemmaScorer(
  role: Pick<Role, 'logprobs'>,
  tokenizer: Tokenizer,
  options: GemmaScorerOptions = {},
): OutcomeScorer {
  const { system = ORM_SYSTEM, maxTokens = 16_384, name = 'gemma' } = options
  const { bos, startOfTurn, endOfTurn } = tokenizer.special
  const answers = [tokenizer.encode('YES'), tokenizer.encode('NO')] as const
  const head = [bos, startOfTurn, ...tokenizer.encode(`user\n${system}\n\n`)]
  const tail = [endOfTurn, ...tokenizer.encode('\n'), startOfTurn, ...tokenizer.encode('model\n')]
  const longest = Math.max(answers[0].length, answers[1].length)
  const budget = maxTokens - head.length - tail.length - longest
  if (budget <= 0) {
    throw new RangeError(
      `maxTokens: expected room for the system text (${maxTokens - budget} tokens), received ${maxTokens}; raise it`,
    )
  }
  const measure = (text: string) => tokenizer.encode(text).length
  const cut = (text: string, units: number) => tokenizer.decode(tokenizer.encode(text).subarray(0, units))
  return {
    name,
    async probability(parts, signal) {
      const fitted = fitOrmParts(parts, budget, measure, cut)
      // Pieces that met at a seam may be encoded together differently than apart: the budget has the last word.
      const instruction = tokenizer.encode(ormInstruction(fitted)).subarray(0, budget)
      const prompt = [...head, ...instruction, ...tail]
      const batch = answersBehind(prompt, answers)
      const { logprobs } = await role.logprobs(batch, signal ? { signal } : {})
      try {
        const scores = logprobs.data
        const yes = sum(scores, 0, answers[0].length)
        const no = sum(scores, answers[0].length, answers[0].length + answers[1].length)
        return sigmoid(yes - no)
      } finally {
        logprobs.dispose()
      }
    },
  }
}

/** One sequence per answer; the answers' tokens are scored. */
function answersBehind(prompt: readonly number[], answers: readonly Int32Array[]): PackedBatch {
  const ids: number[] = []
  const offsets = [0]
  const scored: number[] = []
  for (const answer of answers) {
    ids.push(...prompt)
    for (const id of answer) {
      scored.push(ids.length)
      ids.push(id)
    }
    offsets.push(ids.length)
  }
  return { ids: Int32Array.from(ids), offsets: Int32Array.from(offsets), scored: Int32Array.from(scored) }
}

function sum(values: ArrayLike<number>, from: number, to: number): number {
  let total = 0
  for (let n = from; n < to; n++) total += values[n] as number
  return total
}
