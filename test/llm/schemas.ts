// The request bodies of the three public APIs as their references describe them, as far as this project could use
// them, and strict: a field that is not in the reference is a violation.
import { z } from 'zod'

const text = z.string()
const int = z.int()
const pngBase64 = z.base64().startsWith('iVBORw0KGgo')

// https://ai.google.dev/api/caching#Schema (OpenAPI 3.0 subset)
const openApiSchema: z.ZodType = z.lazy(() =>
  z.strictObject({
    type: z
      .string()
      .regex(/^(string|number|integer|boolean|array|object|null)$/i)
      .optional(),
    format: text.optional(),
    title: text.optional(),
    description: text.optional(),
    nullable: z.boolean().optional(),
    enum: z.array(text).optional(),
    maxItems: z.union([text, int]).optional(),
    minItems: z.union([text, int]).optional(),
    properties: z.record(text, openApiSchema).optional(),
    required: z.array(text).optional(),
    minProperties: z.union([text, int]).optional(),
    maxProperties: z.union([text, int]).optional(),
    minLength: z.union([text, int]).optional(),
    maxLength: z.union([text, int]).optional(),
    pattern: text.optional(),
    example: z.unknown().optional(),
    anyOf: z.array(openApiSchema).optional(),
    propertyOrdering: z.array(text).optional(),
    default: z.unknown().optional(),
    items: openApiSchema.optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  }),
)

const geminiPart = z.union([
  z.strictObject({ text }),
  z.strictObject({ inlineData: z.strictObject({ mimeType: z.literal('image/png'), data: pngBase64 }) }),
])

/** https://ai.google.dev/api/generate-content#request-body */
export const geminiRequest = z.strictObject({
  contents: z
    .array(z.strictObject({ role: z.enum(['user', 'model']), parts: z.array(geminiPart).min(1) }))
    .min(1)
    .refine((contents) => contents.at(-1)?.role === 'user', 'the last turn is the user’s'),
  systemInstruction: z
    .strictObject({ role: text.optional(), parts: z.array(z.strictObject({ text })).min(1) })
    .optional(),
  generationConfig: z
    .strictObject({
      stopSequences: z.array(text).max(5).optional(),
      responseMimeType: z.enum(['text/plain', 'application/json', 'text/x.enum']).optional(),
      responseSchema: openApiSchema.optional(),
      responseJsonSchema: z.record(text, z.unknown()).optional(),
      candidateCount: int.optional(),
      maxOutputTokens: int.positive().optional(),
      temperature: z.number().min(0).max(2).optional(),
      topP: z.number().optional(),
      topK: int.optional(),
      seed: int.optional(),
      responseLogprobs: z.boolean().optional(),
      logprobs: int.min(0).max(20).optional(),
      thinkingConfig: z
        .strictObject({
          includeThoughts: z.boolean().optional(),
          thinkingBudget: int.min(-1).optional(),
          thinkingLevel: z.enum(['MINIMAL', 'LOW', 'MEDIUM', 'HIGH']).optional(),
        })
        .optional(),
    })
    .refine((c) => c.logprobs === undefined || c.responseLogprobs === true, 'logprobs needs responseLogprobs')
    .refine(
      (c) => !c.responseSchema || c.responseMimeType === 'application/json',
      'responseSchema needs responseMimeType application/json',
    )
    .optional(),
})

const openaiText = z.strictObject({ type: z.literal('text'), text })
const openaiImage = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({
    url: text.startsWith('data:image/png;base64,iVBORw0KGgo'),
    detail: z.enum(['auto', 'low', 'high']).optional(),
  }),
})

/** https://platform.openai.com/docs/api-reference/chat/create */
export const openaiRequest = z
  .strictObject({
    model: text.min(1),
    messages: z
      .array(
        z.discriminatedUnion('role', [
          z.strictObject({ role: z.literal('system'), content: z.union([text, z.array(openaiText)]) }),
          z.strictObject({
            role: z.literal('user'),
            content: z.union([text, z.array(z.union([openaiText, openaiImage])).min(1)]),
          }),
          z.strictObject({ role: z.literal('assistant'), content: z.union([text, z.array(openaiText)]) }),
        ]),
      )
      .min(1),
    max_tokens: int.positive().optional(),
    max_completion_tokens: int.positive().optional(),
    temperature: z.number().min(0).max(2).optional(),
    seed: int.optional(),
    stream: z.literal(true).optional(),
    stream_options: z.strictObject({ include_usage: z.boolean() }).optional(),
    logprobs: z.boolean().optional(),
    top_logprobs: int.min(0).max(20).optional(),
    reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
    response_format: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('text') }),
        z.strictObject({ type: z.literal('json_object') }),
        z.strictObject({
          type: z.literal('json_schema'),
          json_schema: z.strictObject({
            name: text.regex(/^[\w-]{1,64}$/),
            description: text.optional(),
            schema: z.record(text, z.unknown()),
            strict: z.boolean().optional(),
          }),
        }),
      ])
      .optional(),
    // vLLM's and SGLang's own.
    chat_template_kwargs: z.record(text, z.unknown()).optional(),
  })
  .refine((r) => r.stream_options === undefined || r.stream === true, 'stream_options needs stream')
  .refine((r) => r.top_logprobs === undefined || r.logprobs === true, 'top_logprobs needs logprobs')

const claudeBlock = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: text.min(1) }),
  z.strictObject({
    type: z.literal('image'),
    source: z.strictObject({
      type: z.literal('base64'),
      media_type: z.literal('image/png'),
      data: pngBase64,
    }),
  }),
])

/** https://docs.anthropic.com/en/api/messages */
export const anthropicRequest = z
  .strictObject({
    model: text.min(1),
    max_tokens: int.positive(),
    stream: z.literal(true).optional(),
    messages: z
      .array(z.strictObject({ role: z.enum(['user', 'assistant']), content: z.array(claudeBlock).min(1) }))
      .min(1)
      .refine((m) => m[0]?.role === 'user', 'the first turn is the user’s'),
    system: z.array(z.strictObject({ type: z.literal('text'), text: text.min(1) })).optional(),
    temperature: z.number().min(0).max(1).optional(),
    thinking: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('enabled'), budget_tokens: int.min(1024) }),
        z.strictObject({ type: z.literal('disabled') }),
        z.strictObject({ type: z.literal('adaptive') }),
      ])
      .optional(),
    tools: z
      .array(
        z.strictObject({
          name: text.regex(/^[\w-]{1,64}$/),
          description: text.optional(),
          input_schema: z.looseObject({ type: z.literal('object') }),
        }),
      )
      .optional(),
    tool_choice: z
      .strictObject({
        type: z.enum(['auto', 'any', 'tool', 'none']),
        name: text.optional(),
        disable_parallel_tool_use: z.boolean().optional(),
      })
      .optional(),
    output_config: z
      .strictObject({
        format: z.strictObject({ type: z.literal('json_schema'), schema: z.record(text, z.unknown()) }),
      })
      .optional(),
  })
  .refine(
    (r) => r.thinking?.type !== 'enabled' || r.thinking.budget_tokens < r.max_tokens,
    'budget_tokens is less than max_tokens',
  )
