/**
 * askFor: a validated value from a language model. The schema goes to the provider's JSON mode (or into the prompt,
 * where it has none); a reply that does not fit is shown its error once, and then it is one.
 */
import { z } from 'zod'
import { LanguageModelError } from './errors.ts'
import { jsonCandidates } from './find-json.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { LanguageModel, ModelReply, ModelRequest, Usage } from './model.ts'

export interface Answer<T> {
  value: T
  /** The reply the value was read from. */
  reply: ModelReply
  /** Of all replies it took. */
  usage: Usage
}

const HEAD = 300

/**
 * @param options.name what the value is, in a word or two of letters, digits, "-" and "_" ("subgoals")
 * @throws LanguageModelError as generate does, LLM_REFUSED, or LLM_MALFORMED with the head of the second reply
 */
export async function askFor<S extends z.ZodType>(
  model: LanguageModel,
  request: Omit<ModelRequest, 'schema'>,
  schema: S,
  { name }: { name: string },
): Promise<Answer<z.output<S>>> {
  const asked: ModelRequest = { ...request, schema: { name, json: jsonSchemaOf(schema) } }
  const first = unrefused(model, await model.generate(asked), name)
  const found = read(first, schema)
  if ('value' in found) return { value: found.value, reply: first, usage: first.usage }

  const again = unrefused(model, await model.generate(correction(asked, first, found.problem)), name)
  const second = read(again, schema)
  if ('value' in second) return { value: second.value, reply: again, usage: sum(first.usage, again.usage) }
  throw new LanguageModelError(
    'LLM_MALFORMED',
    `${model.name}: expected ${name} as JSON, got twice what does not fit: ${second.problem}; ` +
      `the reply begins ${JSON.stringify(again.text.slice(0, HEAD))}`,
    second.cause ? { cause: second.cause } : {},
  )
}

type Read<T> = { value: T } | { problem: string; cause?: Error }

function read<S extends z.ZodType>(reply: ModelReply, schema: S): Read<z.output<S>> {
  const cut = reply.finish === 'length' ? ' (the reply was cut at its longest length)' : ''
  let nearest: z.ZodError | undefined
  for (const candidate of jsonCandidates(reply.text)) {
    const result = schema.safeParse(candidate)
    if (result.success) return { value: result.data }
    nearest ??= result.error
  }
  if (!nearest) return { problem: `no JSON value was found in it${cut}` }
  return { problem: `${z.prettifyError(nearest)}${cut}`, cause: nearest }
}

function correction(request: ModelRequest, reply: ModelReply, problem: string): ModelRequest {
  const ask =
    `That reply could not be used: ${problem}\n` +
    'Send the whole value again, corrected, as JSON that fits the schema, with no text around it.'
  const messages = [...request.messages]
  // Providers take neither empty turns nor two turns of one speaker.
  messages.push(
    { role: 'assistant', content: reply.text.trim() || '(no text)' },
    { role: 'user', content: ask },
  )
  return { ...request, messages }
}

function unrefused(model: LanguageModel, reply: ModelReply, name: string): ModelReply {
  if (reply.finish !== 'refused') return reply
  throw new LanguageModelError(
    'LLM_REFUSED',
    `${model.name}: expected ${name}, but the provider withheld the reply; change the prompt or the model`,
  )
}

function sum(a: Usage, b: Usage): Usage {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    thinkingTokens: a.thinkingTokens + b.thinkingTokens,
    ...(a.cost === undefined || b.cost === undefined ? {} : { cost: a.cost + b.cost }),
  }
}
