/** Which language models are asked, where, with which limits; keys are named here and live in the environment. */
import { z } from 'zod'
import { count, nonNegative, positive } from './numbers.ts'

const spec = z
  .string()
  .regex(
    /^(gemini|openai|anthropic|native):./,
    'expected "gemini:NAME", "openai:NAME@http://HOST/v1", "anthropic:NAME" or "native:DIR"',
  )
const address = z.url({ protocol: /^https?$/, error: 'expected an http(s) address' })
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable, never a key')

const models = z
  .strictObject({
    /** Subgoals before the first step and re-planning. */
    planner: spec.nullable().default(null),
    /** Which subgoals hold after a step; null = the planner. */
    rater: spec.nullable().default(null),
    /** fuzzy_match and "not achievable" answers of WebArena's evaluators. */
    judge: spec.nullable().default(null),
  })
  .prefault({})

const gemini = z
  .strictObject({
    baseURL: address.default('https://generativelanguage.googleapis.com/v1beta'),
    keyEnv: variable.default('GEMINI_API_KEY'),
  })
  .prefault({})

const openai = z
  .strictObject({
    baseURL: address.default('https://api.openai.com/v1'),
    /** null = OPENAI_API_KEY at api.openai.com, none elsewhere: a key is never sent to a server it was not named for. */
    keyEnv: variable.nullable().default(null),
    /** The server holds replies to a JSON schema (response_format); false = JSON is asked for in the prompt. */
    structuredOutputs: z.boolean().default(true),
    maxTokensField: z.enum(['auto', 'max_tokens', 'max_completion_tokens']).default('auto'),
    /** Laid over the body of every request, for settings that only one server knows. */
    extraBody: z.record(z.string(), z.unknown()).default({}),
  })
  .prefault({})

const anthropic = z
  .strictObject({
    baseURL: address.default('https://api.anthropic.com/v1'),
    keyEnv: variable.default('ANTHROPIC_API_KEY'),
  })
  .prefault({})

const native = z
  .strictObject({
    dtype: z.enum(['float32', 'bfloat16']).default('bfloat16'),
    device: z
      .string()
      .regex(/^(cpu|cuda(:\d+)?)$/, 'expected cpu, cuda or cuda:N')
      .default('cpu'),
    /** Longest prompt and reply together, tokens. */
    maxLength: count.default(8192),
    /** Requests computed side by side; each holds the keys and values of maxLength tokens. */
    slots: count.default(4),
  })
  .prefault({})

const retry = z
  .strictObject({
    /** Requests per call at most, the first included. */
    attempts: count.default(6),
    /** Longest wait for one reply, seconds; Node's fetch itself waits no longer than 300. */
    attemptSeconds: positive.max(300).default(240),
    /** Longest wait for the next piece of a streamed reply that has begun, seconds. */
    silenceSeconds: positive.max(300).default(60),
    /** Longest wait for a call, all attempts and pauses included, seconds. */
    deadlineSeconds: positive.default(900),
    /** The n-th pause is drawn from 0 to backoffSeconds 2^(n-1), at most maxBackoffSeconds. */
    backoffSeconds: positive.default(1),
    maxBackoffSeconds: positive.default(30),
    /** Longest pause a server's Retry-After is followed for, seconds. */
    maxRetryAfterSeconds: nonNegative.default(90),
  })
  .prefault({})

const cache = z
  .strictObject({
    /** off; read-write: equal requests are asked once, ever; offline: replies come from the cache or not at all. */
    mode: z.enum(['off', 'read-write', 'offline']).default('read-write'),
    directory: z.string().min(1).default('runs/llm-cache'),
  })
  .prefault({})

export const llm = z
  .strictObject({
    models,
    providers: z.strictObject({ gemini, openai, anthropic, native }).prefault({}),
    /**
     * Limit of a reply where the request names none, tokens, thinking included; null = the server's own. Needed under
     * a spending cap, since what a call may cost depends on it.
     */
    maxTokens: count.nullable().default(null),
    /** Calls under way at one server. */
    concurrency: count.default(8),
    /** Longest wait for a turn among them, seconds. */
    queueSeconds: positive.default(1800),
    retry,
    cache,
    /** US dollars a run may spend; null = no cap. Needs a price for every model of an API. */
    capDollars: nonNegative.nullable().default(null),
    /** US dollars per million tokens, by spec without address: { "gemini:gemini-2.5-pro": { input, output } }. */
    prices: z.record(spec, z.strictObject({ input: nonNegative, output: nonNegative })).default({}),
  })
  .prefault({})
