/** config.json in every published form to one canonical config, and back. Needs no addon. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GemmaConfigError, parseGemmaConfig, toHuggingFaceConfig } from '../../lib/native/gemma-config.ts'
import { fixture } from './gemma-kit.ts'

const read = (name: string) => JSON.parse(readFileSync(fixture(name), 'utf8'))

test('v4, v5 and multimodal spellings of one model give one config', () => {
  const v5 = parseGemmaConfig(read('text/config.json'))
  expect(v5.config).toEqual({
    vocab: 99,
    hidden: 32,
    layers: 3,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    intermediate: 48,
    slidingWindow: 8,
    maxPositions: 512,
    rmsEps: 1e-6,
    queryPreAttnScalar: 24,
    ropeThetaGlobal: 1e6,
    ropeThetaLocal: 1e4,
    ropeFactorGlobal: 8,
    layerIsGlobal: [false, false, true],
  })
  expect(v5.tokens).toEqual({ bos: 2, eos: [1], pad: 0 })
  expect(v5.multimodal).toBe(false)
  expect(parseGemmaConfig(read('text/config_v4.json'))).toEqual(v5)
  const multimodal = parseGemmaConfig(read('multimodal/config.json'))
  expect(multimodal.config).toEqual(v5.config)
  expect(multimodal.multimodal).toBe(true)
})

test('a sparse multimodal file takes the class defaults', () => {
  const { config, tokens } = parseGemmaConfig({
    model_type: 'gemma3',
    eos_token_id: [1, 106],
    text_config: {
      hidden_size: 3840,
      intermediate_size: 15360,
      num_hidden_layers: 48,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      rope_scaling: { factor: 8, rope_type: 'linear' },
      sliding_window: 1024,
    },
  })
  expect(config).toMatchObject({
    vocab: 262208,
    headDim: 256,
    maxPositions: 131072,
    rmsEps: 1e-6,
    queryPreAttnScalar: 256,
    ropeThetaGlobal: 1e6,
    ropeThetaLocal: 1e4,
    ropeFactorGlobal: 8,
  })
  expect(config.layerIsGlobal.flatMap((global, i) => (global ? [i] : []))).toEqual([
    5, 11, 17, 23, 29, 35, 41, 47,
  ])
  expect(tokens.eos).toEqual([1, 106])
})

test('writing and reading again changes nothing', () => {
  for (const name of ['text/config.json', 'multimodal/config.json']) {
    const { config, tokens } = parseGemmaConfig(read(name))
    const written = toHuggingFaceConfig(config, { dtype: 'float32', tokens })
    expect(parseGemmaConfig(JSON.parse(JSON.stringify(written)))).toEqual({
      config,
      tokens,
      multimodal: false,
    })
  }
})

describe('what cannot be computed is refused by field', () => {
  const v5 = read('text/config.json')
  test.each([
    [{ model_type: 'gemma2' }, /model_type/],
    [{ model_type: 'gemma3' }, /text_config/],
    [{ model_type: 'siglip_vision_model' }, /model_type.*only Gemma3/],
    [{ rope_parameters: { full_attention: { rope_type: 'llama3', factor: 2 } } }, /rope_type.*llama3/],
    [
      { rope_parameters: null, rope_scaling: { rope_type: 'longrope', factor: 2 } },
      /rope_scaling\.rope_type.*longrope/,
    ],
    [{ hidden_activation: 'gelu' }, /hidden_activation/],
    [{ final_logit_softcapping: 30 }, /final_logit_softcapping/],
    [{ attn_logit_softcapping: 50 }, /attn_logit_softcapping/],
    [{ attention_bias: true }, /attention_bias/],
    [{ use_bidirectional_attention: true }, /use_bidirectional_attention/],
    [{ tie_word_embeddings: false }, /tie_word_embeddings/],
    [{ hidden_activation: 'silu' }, /hidden_activation/],
    [{ layer_types: ['full_attention'] }, /layer_types: expected 3/],
    [{ layer_types: ['a', 'b', 'c'] }, /layer_types\.0/],
    [{ hidden_size: '32' }, /hidden_size/],
    [{ num_key_value_heads: 3 }, /num_attention_heads/],
    [{ head_dim: 15 }, /head_dim/],
    [{ rope_parameters: { full_attention: { rope_type: 'yarn', factor: 2 } } }, /rope_type.*yarn/],
    [{ rope_parameters: { full_attention: { rope_type: 'linear' } } }, /factor/],
    [{ rope_parameters: { sliding_attention: { rope_type: 'linear', factor: 2 } } }, /sliding_attention/],
    [{ rope_parameters: null, rope_scaling: { type: 'dynamic', factor: 2 } }, /rope_scaling\.rope_type/],
  ])('%j', (change, message) => {
    const parse = () => parseGemmaConfig({ ...v5, ...change })
    expect(parse).toThrow(GemmaConfigError)
    expect(parse).toThrow(message)
  })
  test('something that is no object', () => {
    expect(() => parseGemmaConfig(null, 'a/config.json')).toThrow(/^a\/config\.json: the file/)
  })
})
