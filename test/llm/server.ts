// A server that speaks generateContent, chat/completions and messages: checks every request against the public
// schemas and answers as it is told, call by call, well or badly.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { z } from 'zod'
import { anthropicRequest, geminiRequest, openaiRequest } from './schemas.ts'
import { ERROR_EVENTS, EVENTS } from './streams.ts'

export type Api = 'gemini' | 'openai' | 'anthropic'

export interface Said {
  text: string
  /** Streamed: the text as the server cuts it. */
  pieces?: string[]
  finish?: 'stop' | 'length' | 'refused'
  input?: number
  output?: number
  thinking?: number
  logprobs?: { token: string; logprob: number; top: { token: string; logprob: number }[] }[]
}

export type Answer =
  | { kind: 'say'; said: Said }
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: unknown }
  /** Status 200 with these bytes. */
  | { kind: 'raw'; body: string }
  /** Half of a good body, then the connection ends. */
  | { kind: 'truncated' }
  /** The connection is reset before a byte is sent. */
  | { kind: 'reset' }
  /** Nothing at all, until the client leaves. */
  | { kind: 'slow' }
  /** Status 200 and a first byte, then nothing. */
  | { kind: 'stalled' }
  /** A stream of so many pieces, then, once `when` has come, what goes wrong. */
  | { kind: 'broken'; pieces: string[]; when?: Promise<void>; ending: Break }

/** cut: the connection ends within an event; end: the stream ends between two; silence: it stays open, unused. */
export type Break = 'cut' | 'end' | 'silence' | 'malformed event' | 'foreign event' | 'error event'

export interface Seen {
  api: Api
  path: string
  headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: bodies are checked by the schemas
  body: any
  streamed: boolean
}

const SCHEMAS: Record<Api, z.ZodType> = {
  gemini: geminiRequest,
  openai: openaiRequest,
  anthropic: anthropicRequest,
}

export class TestServer {
  readonly seen: Seen[] = []
  /** What was wrong with requests, by the schemas. */
  readonly violations: string[] = []
  /** Answers of the next calls, in order; afterwards `otherwise`. */
  next: Answer[] = []
  otherwise: (seen: Seen) => Answer = () => say('hello')
  /** Calls being answered now, and the most there were. */
  active = 0
  mostActive = 0
  /** Milliseconds before an answer begins. */
  delay = 0
  /** Streams are written in chunks of so many bytes, whatever they cut in two. */
  chunkBytes = Number.POSITIVE_INFINITY
  readonly #http = createServer((request, response) => void this.#serve(request, response))

  static async start(): Promise<TestServer> {
    const server = new TestServer()
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve))
    return server
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise((resolve) => this.#http.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.active++
    this.mostActive = Math.max(this.mostActive, this.active)
    response.on('close', () => this.active--)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = request.url ?? ''
    const api: Api | undefined =
      /^\/v1beta\/models\/[^/:]+:(generateContent|streamGenerateContent\?alt=sse)$/.test(path)
        ? 'gemini'
        : path === '/v1/chat/completions'
          ? 'openai'
          : path === '/v1/messages'
            ? 'anthropic'
            : undefined
    if (!api || request.method !== 'POST') {
      this.violations.push(`${request.method} ${path}`)
      response.writeHead(404).end('{}')
      return
    }
    const body = JSON.parse(Buffer.concat(chunks).toString())
    const streamed = api === 'gemini' ? path.includes(':stream') : body.stream === true
    const seen = { api, path, headers: request.headers, body, streamed }
    this.seen.push(seen)
    const checked = SCHEMAS[api].safeParse(body)
    if (!checked.success) {
      const problem = checked.error.issues
        .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
        .join('; ')
      this.violations.push(problem)
      response.writeHead(400, JSON_TYPE).end(JSON.stringify(errorBody(api, 400, problem)))
      return
    }
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay))
    await this.#answer(this.next.shift() ?? this.otherwise(seen), seen, response)
  }

  /** Chunks of one write each, so that they arrive apart. */
  async #write(response: ServerResponse, text: string): Promise<void> {
    const bytes = Buffer.from(text)
    const size = Math.min(this.chunkBytes, bytes.length)
    for (let at = 0; at < bytes.length; at += size) {
      response.write(bytes.subarray(at, at + size))
      if (size < bytes.length) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #stream(said: Said, { api, body }: Seen, response: ServerResponse): Promise<void> {
    const { before, pieces, after } = EVENTS[api](said, body)
    response.writeHead(200, EVENT_STREAM)
    await this.#write(response, [...before, ...pieces, ...after].join(''))
    response.end()
  }

  async #break(answer: Answer & { kind: 'broken' }, { api, body }: Seen, response: ServerResponse) {
    const { before, pieces, after } = EVENTS[api]({ text: '', pieces: answer.pieces }, body)
    response.writeHead(200, EVENT_STREAM)
    await this.#write(response, [...before, ...pieces].join(''))
    await answer.when
    if (answer.ending === 'cut') response.write((after[0] as string).slice(0, 20), () => response.destroy())
    else if (answer.ending === 'end') response.end()
    else if (answer.ending === 'malformed event') response.end('data: {"choices": [\n\n')
    else if (answer.ending === 'foreign event')
      response.end('data: {"type": 3, "choices": 3, "candidates": 3}\n\n')
    else if (answer.ending === 'error event') response.end(ERROR_EVENTS[api])
  }

  async #answer(answer: Answer, seen: Seen, response: ServerResponse): Promise<void> {
    const { api, body, streamed } = seen
    if (answer.kind === 'broken') return this.#break(answer, seen, response)
    if (answer.kind === 'say' && streamed) return this.#stream(answer.said, seen, response)
    const good = (said: Said) => JSON.stringify(BODIES[api](said, body))
    if (answer.kind === 'say') response.writeHead(200, JSON_TYPE).end(good(answer.said))
    else if (answer.kind === 'raw') response.writeHead(200, JSON_TYPE).end(answer.body)
    else if (answer.kind === 'status') {
      const { status, headers, body: told = errorBody(api, status, `status ${status}`) } = answer
      response.writeHead(status, { ...JSON_TYPE, ...headers }).end(JSON.stringify(told))
    } else if (answer.kind === 'truncated') {
      const whole = good({ text: 'never read to its end' })
      response.writeHead(200, { ...JSON_TYPE, 'content-length': String(whole.length) })
      response.write(whole.slice(0, whole.length / 2), () => response.destroy())
    } else if (answer.kind === 'reset') response.socket?.resetAndDestroy()
    else if (answer.kind === 'stalled') response.writeHead(200, JSON_TYPE).write('{')
  }
}

const EVENT_STREAM = { 'content-type': 'text/event-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }

export function say(text: string, more: Omit<Said, 'text'> = {}): Answer {
  return { kind: 'say', said: { text, ...more } }
}

export function status(code: number, headers?: Record<string, string>, body?: unknown): Answer {
  return {
    kind: 'status',
    status: code,
    ...(headers && { headers }),
    ...(body === undefined ? {} : { body }),
  }
}

function errorBody(api: Api, code: number, message: string): unknown {
  if (api === 'gemini') return { error: { code, message, status: 'FAILED' } }
  if (api === 'openai') return { error: { message, type: 'error', param: null, code: null } }
  return { type: 'error', error: { type: 'api_error', message } }
}

// biome-ignore lint/suspicious/noExplicitAny: the request as it came
const BODIES: Record<Api, (said: Said, request: any) => unknown> = {
  gemini({ text, finish = 'stop', input = 10, output = 5, thinking = 0, logprobs }) {
    const usageMetadata = {
      promptTokenCount: input,
      candidatesTokenCount: output - thinking,
      thoughtsTokenCount: thinking,
      totalTokenCount: input + output,
    }
    if (finish === 'refused' && text === '')
      return { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata }
    const plain = (t: { token: string; logprob: number }) => ({
      token: t.token,
      tokenId: 7,
      logProbability: t.logprob,
    })
    return {
      candidates: [
        {
          content: { role: 'model', parts: [{ text }] },
          finishReason: { stop: 'STOP', length: 'MAX_TOKENS', refused: 'SAFETY' }[finish],
          index: 0,
          ...(logprobs && {
            logprobsResult: {
              chosenCandidates: logprobs.map(plain),
              topCandidates: logprobs.map(({ top }) => ({ candidates: top.map(plain) })),
            },
          }),
        },
      ],
      usageMetadata,
      modelVersion: 'test',
      responseId: 'r1',
    }
  },
  openai({ text, finish = 'stop', input = 10, output = 5, thinking = 0, logprobs }, request) {
    const refusal = finish === 'refused' ? 'I cannot help with that.' : null
    return {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: request.model,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: refusal ? null : text, refusal },
          finish_reason: finish === 'length' ? 'length' : 'stop',
          logprobs: logprobs
            ? {
                content: logprobs.map(({ token, logprob, top }) => ({
                  token,
                  logprob,
                  bytes: [...Buffer.from(token)],
                  top_logprobs: top.map((t) => ({ ...t, bytes: [...Buffer.from(t.token)] })),
                })),
                refusal: null,
              }
            : null,
        },
      ],
      usage: {
        prompt_tokens: input,
        completion_tokens: output,
        total_tokens: input + output,
        completion_tokens_details: { reasoning_tokens: thinking },
      },
    }
  },
  anthropic({ text, finish = 'stop', input = 10, output = 5 }, request) {
    const tool = request.tools?.[0]?.name
    const content = tool
      ? [{ type: 'tool_use', id: 'toolu_1', name: tool, input: jsonOr(text) }]
      : text === ''
        ? []
        : [{ type: 'text', text }]
    const stop = tool ? 'tool_use' : 'end_turn'
    return {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: request.model,
      content,
      stop_reason: { stop, length: 'max_tokens', refused: 'refusal' }[finish],
      stop_sequence: null,
      usage: { input_tokens: input, output_tokens: output },
    }
  },
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return { text }
  }
}
