/**
 * Gemma3 in plain float64 loops, one op after the other as the architecture defines them: the reference the
 * kernels are tested against. Shares nothing with native/.
 */
import type { GemmaConfig, PackedBatch } from '../../lib/native/types.ts'

export type Parameters64 = Map<string, Float64Array>

const at = (a: Float64Array, i: number) => a[i] as number

function norm(x: Float64Array, w: Float64Array, eps: number): Float64Array {
  const mean = x.reduce((sum, v) => sum + v * v, 0) / x.length
  return x.map((v, i) => (v / Math.sqrt(mean + eps)) * (1 + at(w, i)))
}

function times(w: Float64Array, x: Float64Array): Float64Array {
  const rows = w.length / x.length
  return Float64Array.from({ length: rows }, (_, r) =>
    x.reduce((sum, v, i) => sum + at(w, r * x.length + i) * v, 0),
  )
}

function rotate(x: Float64Array, position: number, theta: number, factor: number): Float64Array {
  const half = x.length / 2
  return x.map((v, i) => {
    const angle = (position * theta ** (-(2 * (i % half)) / x.length)) / factor
    const other = i < half ? -at(x, i + half) : at(x, i - half)
    return v * Math.cos(angle) + other * Math.sin(angle)
  })
}

const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

/** Logits of one sequence, one row per token. */
export function logits64(c: GemmaConfig, parameters: Parameters64, ids: ArrayLike<number>): Float64Array[] {
  const p = (name: string) => {
    const found = parameters.get(name)
    if (!found) throw new Error(`no parameter ${name}`)
    return found
  }
  const embed = p('embed_tokens.weight')
  let h = Array.from(ids, (id) =>
    embed.slice(id * c.hidden, (id + 1) * c.hidden).map((v) => v * Math.sqrt(c.hidden)),
  )
  for (let layer = 0; layer < c.layers; layer++) {
    const w = (name: string) => p(`layers.${layer}.${name}.weight`)
    const global = c.layerIsGlobal[layer]
    const theta = global ? c.ropeThetaGlobal : c.ropeThetaLocal
    const factor = global ? c.ropeFactorGlobal : 1
    const heads = (x: Float64Array, count: number) =>
      Array.from({ length: count }, (_, i) => x.slice(i * c.headDim, (i + 1) * c.headDim))
    const input = h.map((row) => norm(row, w('input_layernorm'), c.rmsEps))
    const turn = (name: 'q' | 'k', count: number) =>
      input.map((x, t) =>
        heads(times(w(`self_attn.${name}_proj`), x), count).map((head) =>
          rotate(norm(head, w(`self_attn.${name}_norm`), c.rmsEps), t, theta, factor),
        ),
      )
    const q = turn('q', c.heads)
    const k = turn('k', c.kvHeads)
    const v = input.map((x) => heads(times(w('self_attn.v_proj'), x), c.kvHeads))
    h = h.map((residual, t) => {
      const mixed = new Float64Array(c.heads * c.headDim)
      for (let head = 0; head < c.heads; head++) {
        const kv = Math.floor(head / (c.heads / c.kvHeads))
        const first = global ? 0 : Math.max(0, t - c.slidingWindow + 1)
        const scores: number[] = []
        for (let s = first; s <= t; s++) {
          const [a, b] = [q[t]?.[head] as Float64Array, k[s]?.[kv] as Float64Array]
          scores.push(a.reduce((sum, x, i) => sum + x * at(b, i), 0) / Math.sqrt(c.queryPreAttnScalar))
        }
        const peak = Math.max(...scores)
        const mass = scores.reduce((sum, s) => sum + Math.exp(s - peak), 0)
        scores.forEach((score, i) => {
          const value = v[first + i]?.[kv] as Float64Array
          for (let d = 0; d < c.headDim; d++)
            mixed[head * c.headDim + d] =
              at(mixed, head * c.headDim + d) + (Math.exp(score - peak) / mass) * at(value, d)
        })
      }
      const branch = norm(times(w('self_attn.o_proj'), mixed), w('post_attention_layernorm'), c.rmsEps)
      const mid = residual.map((x, i) => x + at(branch, i))
      const x = norm(mid, w('pre_feedforward_layernorm'), c.rmsEps)
      const up = times(w('mlp.up_proj'), x)
      const gated = times(w('mlp.gate_proj'), x).map((g, i) => gelu(g) * at(up, i))
      const ffn = norm(times(w('mlp.down_proj'), gated), w('post_feedforward_layernorm'), c.rmsEps)
      return mid.map((y, i) => y + at(ffn, i))
    })
  }
  return h.map((row) => times(embed, norm(row, p('norm.weight'), c.rmsEps)))
}

/** Log-probabilities and entropies of the scored tokens of a packed batch at a temperature. */
export function logprobs64(c: GemmaConfig, parameters: Parameters64, batch: PackedBatch, temperature = 1) {
  const logprobs: number[] = []
  const entropies: number[] = []
  for (let b = 0; b + 1 < batch.offsets.length; b++) {
    const [begin, end] = [batch.offsets[b] as number, batch.offsets[b + 1] as number]
    const rows = logits64(c, parameters, batch.ids.slice(begin, end))
    for (const t of batch.scored) {
      if (t <= begin || t >= end) continue
      const row = (rows[t - 1 - begin] as Float64Array).map((x) => x / temperature)
      const peak = Math.max(...row)
      const log = Math.log(row.reduce((sum, x) => sum + Math.exp(x - peak), 0)) + peak
      logprobs.push(at(row, batch.ids[t] as number) - log)
      entropies.push(-row.reduce((sum, x) => sum + Math.exp(x - log) * (x - log), 0))
    }
  }
  return { logprobs, entropies }
}
