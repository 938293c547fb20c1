/**
 * config.json of a Gemma3 checkpoint, in every form Hugging Face has written, to one canonical GemmaConfig, and
 * back. Text-only and multimodal, sparse files with the class defaults of `transformers`, v4 and v5 spellings.
 * What the native core does not compute is refused here with the field's name.
 */
import { z } from 'zod'
import type { GemmaConfig } from './types.ts'

/** Special token ids that config.json and generation_config.json carry; ids a checkpoint may leave out. */
export interface GemmaTokens {
  bos: number
  eos: number[]
  pad: number
}

export interface ParsedGemmaConfig {
  config: GemmaConfig
  tokens: GemmaTokens
  /** The file describes the multimodal model; only its text part is read. */
  multimodal: boolean
}

export class GemmaConfigError extends Error {
  readonly code = 'ERR_GEMMA_CONFIG'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'GemmaConfigError'
  }
}

const count = z.int().positive()
const tokenId = z.int().nonnegative()
const rope = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().nullish(),
})
const layerType = z.enum(['full_attention', 'sliding_attention'])

const textSchema = z.looseObject({
  vocab_size: count.default(262208),
  hidden_size: count.default(2304),
  intermediate_size: count.default(9216),
  num_hidden_layers: count.default(26),
  num_attention_heads: count.default(8),
  num_key_value_heads: count.default(4),
  head_dim: count.default(256),
  max_position_embeddings: count.default(131072),
  rms_norm_eps: z.number().positive().default(1e-6),
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: count.default(4096),
  sliding_window_pattern: count.nullish(),
  _sliding_window_pattern: count.nullish(),
  layer_types: z.array(layerType).nullish(),
  rope_theta: z.number().positive().nullish(),
  rope_local_base_freq: z.number().positive().nullish(),
  rope_scaling: rope.nullish(),
  rope_parameters: z
    .looseObject({ full_attention: rope.nullish(), sliding_attention: rope.nullish() })
    .nullish(),
  hidden_activation: z.string().nullish(),
  hidden_act: z.string().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  attn_logit_softcapping: z.number().nullish(),
  final_logit_softcapping: z.number().nullish(),
  use_bidirectional_attention: z.boolean().nullish(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  pad_token_id: tokenId.nullish(),
})
type TextConfig = z.infer<typeof textSchema>

const topSchema = z.looseObject({
  model_type: z.string(),
  text_config: z.looseObject({}).optional(),
  tie_word_embeddings: z.boolean().nullish(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  pad_token_id: tokenId.nullish(),
})

function check<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue?.path.length ? issue.path.join('.') : 'the file'
  throw new GemmaConfigError(`${where}: ${field}: ${issue?.message ?? 'invalid'}`, { cause: result.error })
}

/**
 * @param json the parsed content of config.json
 * @param where what to call it in errors, usually its path
 * @throws GemmaConfigError naming the field
 */
export function parseGemmaConfig(json: unknown, where = 'config.json'): ParsedGemmaConfig {
  const top = check(topSchema, json, where)
  const multimodal = top.model_type === 'gemma3'
  if (!multimodal && top.model_type !== 'gemma3_text') {
    throw new GemmaConfigError(
      `${where}: model_type: expected 'gemma3' or 'gemma3_text', got '${top.model_type}'; only Gemma3 is supported`,
    )
  }
  if (multimodal && top.text_config === undefined) {
    throw new GemmaConfigError(
      `${where}: text_config: expected an object in a multimodal config, got nothing`,
    )
  }
  const place = multimodal ? `${where}: text_config` : where
  const text = check(textSchema, multimodal ? top.text_config : json, place)
  refuseUnsupported(text, top.tie_word_embeddings, place)
  const layerIsGlobal = layersOf(text, place)
  const rope = ropeOf(text, place)
  const config: GemmaConfig = {
    vocab: text.vocab_size,
    hidden: text.hidden_size,
    layers: text.num_hidden_layers,
    heads: text.num_attention_heads,
    kvHeads: text.num_key_value_heads,
    headDim: text.head_dim,
    intermediate: text.intermediate_size,
    slidingWindow: text.sliding_window,
    maxPositions: text.max_position_embeddings,
    rmsEps: text.rms_norm_eps,
    queryPreAttnScalar: text.query_pre_attn_scalar,
    ...rope,
    layerIsGlobal,
  }
  checkGemmaConfig(config, place)
  const eos = top.eos_token_id ?? text.eos_token_id ?? 1
  return {
    config,
    multimodal,
    tokens: {
      bos: top.bos_token_id ?? text.bos_token_id ?? 2,
      eos: Array.isArray(eos) ? eos : [eos],
      pad: top.pad_token_id ?? text.pad_token_id ?? 0,
    },
  }
}

/** Relations between the numbers of a canonical config. @throws GemmaConfigError */
export function checkGemmaConfig(config: GemmaConfig, where = 'config'): void {
  const fail = (sentence: string): never => {
    throw new GemmaConfigError(`${where}: ${sentence}`)
  }
  if (config.heads % config.kvHeads !== 0) {
    fail(
      `num_attention_heads: expected a multiple of num_key_value_heads (${config.kvHeads}), got ${config.heads}`,
    )
  }
  if (config.headDim % 2 !== 0) fail(`head_dim: expected an even number, got ${config.headDim}`)
  if (config.layerIsGlobal.length !== config.layers) {
    fail(`layer_types: expected ${config.layers} entries, one per layer, got ${config.layerIsGlobal.length}`)
  }
}

function refuseUnsupported(text: TextConfig, tiedAtTop: boolean | null | undefined, where: string): void {
  const refuse = (field: string, expected: string, got: unknown): never => {
    throw new GemmaConfigError(
      `${where}: ${field}: expected ${expected}, got ${JSON.stringify(got)}; this variant is not supported`,
    )
  }
  for (const field of ['attn_logit_softcapping', 'final_logit_softcapping'] as const) {
    if (text[field] != null) refuse(field, 'null', text[field])
  }
  if (text.attention_bias) refuse('attention_bias', 'false', true)
  if (text.use_bidirectional_attention) refuse('use_bidirectional_attention', 'false', true)
  if ((text.tie_word_embeddings ?? tiedAtTop) === false) refuse('tie_word_embeddings', 'true', false)
  const activation = text.hidden_activation ?? text.hidden_act
  if (activation != null && activation !== 'gelu_pytorch_tanh')
    refuse('hidden_activation', '"gelu_pytorch_tanh"', activation)
}

function layersOf(text: TextConfig, where: string): boolean[] {
  if (text.layer_types) {
    if (text.layer_types.length !== text.num_hidden_layers) {
      throw new GemmaConfigError(
        `${where}: layer_types: expected ${text.num_hidden_layers} entries (num_hidden_layers), got ${text.layer_types.length}`,
      )
    }
    return text.layer_types.map((type) => type === 'full_attention')
  }
  const pattern = text.sliding_window_pattern ?? text._sliding_window_pattern ?? 6
  return Array.from({ length: text.num_hidden_layers }, (_, i) => (i + 1) % pattern === 0)
}

type RopeFields = Pick<GemmaConfig, 'ropeThetaGlobal' | 'ropeThetaLocal' | 'ropeFactorGlobal'>

function ropeOf(text: TextConfig, where: string): RopeFields {
  const v5 = text.rope_parameters
  const full = v5?.full_attention ?? undefined
  const sliding = v5?.sliding_attention ?? undefined
  const scaling = full ?? text.rope_scaling ?? undefined
  const field = full ? 'rope_parameters.full_attention' : 'rope_scaling'
  if (sliding && factorOf(sliding, `${where}: rope_parameters.sliding_attention`) !== 1) {
    throw new GemmaConfigError(
      `${where}: rope_parameters.sliding_attention.rope_type: expected 'default', got a scaled form; local layers are never scaled`,
    )
  }
  return {
    ropeThetaGlobal: full?.rope_theta ?? text.rope_theta ?? 1_000_000,
    ropeThetaLocal: sliding?.rope_theta ?? text.rope_local_base_freq ?? 10_000,
    ropeFactorGlobal: scaling ? factorOf(scaling, `${where}: ${field}`) : 1,
  }
}

function factorOf(scaling: z.infer<typeof rope>, where: string): number {
  const type = scaling.rope_type ?? scaling.type ?? 'default'
  if (type === 'default') return 1
  if (type !== 'linear') {
    throw new GemmaConfigError(`${where}.rope_type: expected 'default' or 'linear', got '${type}'`)
  }
  if (scaling.factor == null)
    throw new GemmaConfigError(`${where}.factor: expected a number with rope_type 'linear', got nothing`)
  return scaling.factor
}

/** config.json of a text-only checkpoint in the v4 spelling, which transformers 4 and 5 and vLLM read. */
export function toHuggingFaceConfig(
  config: GemmaConfig,
  options: { dtype: 'float32' | 'bfloat16'; tokens: GemmaTokens },
): Record<string, unknown> {
  const { dtype, tokens } = options
  return {
    architectures: ['Gemma3ForCausalLM'],
    model_type: 'gemma3_text',
    vocab_size: config.vocab,
    hidden_size: config.hidden,
    intermediate_size: config.intermediate,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsEps,
    query_pre_attn_scalar: config.queryPreAttnScalar,
    sliding_window: config.slidingWindow,
    layer_types: config.layerIsGlobal.map((global) => (global ? 'full_attention' : 'sliding_attention')),
    rope_theta: config.ropeThetaGlobal,
    rope_local_base_freq: config.ropeThetaLocal,
    rope_scaling:
      config.ropeFactorGlobal === 1 ? null : { rope_type: 'linear', factor: config.ropeFactorGlobal },
    hidden_activation: 'gelu_pytorch_tanh',
    attention_bias: false,
    attention_dropout: 0,
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
    tie_word_embeddings: true,
    initializer_range: 0.02,
    use_cache: true,
    bos_token_id: tokens.bos,
    eos_token_id: tokens.eos.length === 1 ? tokens.eos[0] : tokens.eos,
    pad_token_id: tokens.pad,
    torch_dtype: dtype,
  }
}
