// The streamed replies of the three APIs as their references describe them: server-sent events, the text in pieces.
// https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
// https://platform.openai.com/docs/api-reference/chat-streaming
// https://docs.anthropic.com/en/docs/build-with-claude/streaming
import type { Api, Said } from './server.ts'

export interface Events {
  before: string[]
  /** One event per piece of the text. */
  pieces: string[]
  after: string[]
}

export const piecesOf = ({ text, pieces }: Said): string[] => pieces ?? (text.match(/.{1,4}/gsu) || [])

const event = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`
const named = (data: { type: string } & Record<string, unknown>) => `event: ${data.type}\n${event(data)}`

/** What a server says when it fails after its status line. */
export const ERROR_EVENTS: Record<Api, string> = {
  gemini: event({ error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } }),
  openai: event({
    error: { message: 'The model is overloaded.', type: 'server_error', param: null, code: 503 },
  }),
  anthropic: named({
    type: 'error',
    error: { type: 'overloaded_error', message: 'The model is overloaded.' },
  }),
}

// biome-ignore lint/suspicious/noExplicitAny: the request as it came
export const EVENTS: Record<Api, (said: Said, request: any) => Events> = {
  gemini(said) {
    const { finish = 'stop', input = 10, output = 5, thinking = 0, logprobs } = said
    const plain = (t: { token: string; logprob: number }) => ({ token: t.token, logProbability: t.logprob })
    const chunk = (candidate: object, usage: object = {}) =>
      event({
        candidates: [{ index: 0, ...candidate }],
        usageMetadata: { promptTokenCount: input, ...usage },
        modelVersion: 'test',
        responseId: 'r1',
      })
    return {
      before: [],
      pieces: piecesOf(said).map((text, i) =>
        chunk({
          content: { role: 'model', parts: [{ text }] },
          ...(logprobs?.[i] && {
            logprobsResult: {
              chosenCandidates: [plain(logprobs[i])],
              topCandidates: [{ candidates: logprobs[i].top.map(plain) }],
            },
          }),
        }),
      ),
      after: [
        chunk(
          {
            content: { role: 'model', parts: [{ text: '' }] },
            finishReason: { stop: 'STOP', length: 'MAX_TOKENS', refused: 'SAFETY' }[finish],
          },
          {
            candidatesTokenCount: output - thinking,
            thoughtsTokenCount: thinking,
            totalTokenCount: input + output,
          },
        ),
      ],
    }
  },
  openai(said, request) {
    const { finish = 'stop', input = 10, output = 5, thinking = 0, logprobs } = said
    const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: request.model }
    const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) =>
      event({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason, ...more }] })
    const usage = {
      prompt_tokens: input,
      completion_tokens: output,
      total_tokens: input + output,
      completion_tokens_details: { reasoning_tokens: thinking },
    }
    return {
      before: [
        chunk({ role: 'assistant', content: '' }),
        ...(finish === 'refused'
          ? [chunk({ refusal: 'I cannot ' }), chunk({ refusal: 'help with that.' })]
          : []),
      ],
      pieces: piecesOf(said).map((content, i) =>
        chunk({ content }, null, {
          ...(logprobs?.[i] && {
            logprobs: {
              content: [
                { token: logprobs[i].token, logprob: logprobs[i].logprob, top_logprobs: logprobs[i].top },
              ],
              refusal: null,
            },
          }),
        }),
      ),
      after: [
        chunk({}, finish === 'length' ? 'length' : 'stop'),
        ...(request.stream_options?.include_usage ? [event({ ...base, choices: [], usage })] : []),
        'data: [DONE]\n\n',
      ],
    }
  },
  anthropic(said, request) {
    const { finish = 'stop', input = 10, output = 5 } = said
    const tool = request.tools?.[0]?.name
    const content_block = tool
      ? { type: 'tool_use', id: 'toolu_1', name: tool, input: {} }
      : { type: 'text', text: '' }
    const stop = { stop: tool ? 'tool_use' : 'end_turn', length: 'max_tokens', refused: 'refusal' }[finish]
    return {
      before: [
        named({
          type: 'message_start',
          message: {
            id: 'msg_1',
            type: 'message',
            role: 'assistant',
            model: request.model,
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: { input_tokens: input, output_tokens: 1 },
          },
        }),
        named({ type: 'content_block_start', index: 0, content_block }),
        named({ type: 'ping' }),
      ],
      pieces: piecesOf(said).map((text) =>
        named({
          type: 'content_block_delta',
          index: 0,
          delta: tool ? { type: 'input_json_delta', partial_json: text } : { type: 'text_delta', text },
        }),
      ),
      after: [
        named({ type: 'content_block_stop', index: 0 }),
        named({
          type: 'message_delta',
          delta: { stop_reason: stop, stop_sequence: null },
          usage: { output_tokens: output },
        }),
        named({ type: 'message_stop' }),
      ],
    }
  },
}
