/** Weights that are a formula: the same bits as seeded_weight in scripts/fixtures/gemma_bf16.py. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadNative } from '../../lib/native/loader.ts'
import type { GemmaConfig, NativeModel } from '../../lib/native/types.ts'

/** Gemma3-1B's widths, 4 layers, window 32. */
export const oneB = (vocab: number): GemmaConfig => ({
  vocab,
  hidden: 1152,
  layers: 4,
  heads: 4,
  kvHeads: 1,
  headDim: 256,
  intermediate: 6912,
  slidingWindow: 32,
  maxPositions: 512,
  rmsEps: 1e-6,
  queryPreAttnScalar: 256,
  ropeThetaGlobal: 1e6,
  ropeThetaLocal: 1e4,
  ropeFactorGlobal: 1,
  layerIsGlobal: [false, false, false, true],
})

function fnv1a(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}

/** bfloat16 bits of the tensor of this name and shape. */
export function seededWeight(name: string, shape: readonly number[]): Uint16Array {
  const count = shape.reduce((a, b) => a * b, 1)
  const seed = fnv1a(name)
  const base =
    shape.length === 1 ? 0.6 : name.startsWith('embed') ? 0.1 : 3.5 / Math.sqrt(shape.at(-1) as number)
  const width = Math.fround(base)
  const shift = name.includes('post_') ? 2 : 0
  const out = new Uint16Array(count)
  const value = new Float32Array(1)
  const word = new Uint32Array(value.buffer)
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 0x9e3779b9) + seed) | 0
    x ^= x >>> 16
    x = Math.imul(x, 0x85ebca6b)
    x ^= x >>> 13
    x = Math.imul(x, 0xc2b2ae35)
    x ^= x >>> 16
    value[0] = Math.fround(((x >>> 8) * 2 ** -24 - 0.5) * width) + shift
    const u = word[0] as number
    out[i] = (u + 0x7fff + ((u >>> 16) & 1)) >>> 16
  }
  return out
}

/** Names and shapes of a text model without prefix. */
function* tensorsOf(c: GemmaConfig): Generator<[string, number[]]> {
  yield ['embed_tokens.weight', [c.vocab, c.hidden]]
  for (let i = 0; i < c.layers; i++) {
    const layer = `layers.${i}.`
    for (const norm of ['input', 'post_attention', 'pre_feedforward', 'post_feedforward'])
      yield [`${layer}${norm}_layernorm.weight`, [c.hidden]]
    for (const norm of ['q_norm', 'k_norm']) yield [`${layer}self_attn.${norm}.weight`, [c.headDim]]
    yield [`${layer}self_attn.q_proj.weight`, [c.heads * c.headDim, c.hidden]]
    for (const kv of ['k_proj', 'v_proj'])
      yield [`${layer}self_attn.${kv}.weight`, [c.kvHeads * c.headDim, c.hidden]]
    yield [`${layer}self_attn.o_proj.weight`, [c.hidden, c.heads * c.headDim]]
    for (const up of ['gate_proj', 'up_proj']) yield [`${layer}mlp.${up}.weight`, [c.intermediate, c.hidden]]
    yield [`${layer}mlp.down_proj.weight`, [c.hidden, c.intermediate]]
  }
  yield ['norm.weight', [c.hidden]]
}

/** A bfloat16 model of seeded weights, by way of a checkpoint on disk. */
export async function seededModel(config: GemmaConfig): Promise<NativeModel> {
  const native = loadNative()
  const dir = await mkdtemp(join(tmpdir(), 'mira-bf16-'))
  try {
    const file = join(dir, 'model.safetensors')
    const tensors = Array.from(tensorsOf(config), ([name, shape]) => ({
      name: `model.${name}`,
      tensor: native.createTensor('bfloat16', shape, seededWeight(name, shape)),
    }))
    await native.safetensorsWrite(file, tensors, { format: 'pt' })
    for (const { tensor } of tensors) tensor.dispose()
    return await native.loadModel(config, { dtype: 'bfloat16', files: [file], prefix: 'model.', ignore: [] })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
