// The Gemma3 decoder over a packed batch; see forward.h. A layer is one function from residual stream to
// residual stream: differentiated as written, or wrapped so that backward runs it a second time.
#include "native/core/forward.h"
#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include "native/core/adapted_linear.h"
#include "native/core/cancelled.h"
#include "native/core/lm_head.h"
#include "native/core/lora.h"
#include "native/core/recompute.h"
#include "native/core/selective_layer.h"
#include "native/kernels/geglu.h"
#include "native/kernels/rms_norm.h"

namespace mira {

Geometry geometry_of(const PackedBatch& batch, at::Device device) {
  return {batch.offsets_B1.to(device), positions_of(batch).to(device), longest_of(batch)};
}

at::Tensor decoder_layer(const Role& role, size_t index, const Geometry& geometry, const at::Tensor& h_TH,
                         LayerTape* tape) {
  const GemmaConfig& c = role.weights->config;
  const LayerWeights& w = role.weights->layers[index];
  const bool global = c.layer_is_global[index];
  const kernels::RopeTable& rope = rope_table(c, global, geometry.longest, h_TH.device());
  const auto product = [&](at::Tensor LayerTape::* slot, auto linear, const at::Tensor& x) {
    return taped(tape, slot, [&](const at::Tensor& value) { return linear(role, index, x, value); });
  };
  const at::Tensor x_TH = kernels::rms_norm(h_TH, w.input_norm_H, c.rms_eps);
  auto [q, k, v] = kernels::qk_norm_rope(product(&LayerTape::qkv_TC, linear_qkv, x_TH), w.q_norm_D, w.k_norm_D,
                                         geometry.pos_T, rope, c.heads, c.kv_heads, c.rms_eps);
  const at::Tensor mixed = taped_attention(tape, q, k, v, geometry.offsets_B1, global ? 0 : c.sliding_window,
                                           std::pow(c.query_pre_attn_scalar, -0.5), geometry.longest);
  auto [mid_TH, y_TH] = kernels::add_rms_norm(h_TH, product(&LayerTape::o_TH, linear_o, mixed.flatten(1)),
                                              w.post_attn_norm_H, w.pre_ffn_norm_H, c.rms_eps);
  const at::Tensor g_TF = kernels::geglu(product(&LayerTape::gate_up_T2F, linear_gate_up, y_TH));
  const at::Tensor ffn_TH = product(&LayerTape::down_TH, linear_down, g_TF);
  if (tape) tape->filled = true;
  return kernels::rms_norm_add(mid_TH, ffn_TH, w.post_ffn_norm_H, c.rms_eps);
}

std::vector<at::Tensor> layer_parameters(const Role& role, size_t index) {
  std::vector<at::Tensor> all;
  if (role.trains_weights) {
    const LayerWeights& w = role.weights->layers[index];
    all = {w.input_norm_H, w.qkv_CH, w.q_norm_D, w.k_norm_D, w.o_HC, w.post_attn_norm_H, w.pre_ffn_norm_H,
           w.gate_up_2FH, w.down_HF, w.post_ffn_norm_H};
  }
  if (role.lora)
    for (const LoraTarget& target : kLoraTargets) {
      const LoraPair& pair = role.lora->layers[index].*target.pair;
      if (pair.a_RI.defined()) all.insert(all.end(), {pair.a_RI, pair.b_OR});
    }
  return all;
}

at::Tensor forward_hidden(const Role& role, const PackedBatch& batch, const ForwardOptions& options) {
  const GemmaConfig& c = role.weights->config;
  const at::Device device = role.weights->embed_VH.device();
  const Geometry geometry = geometry_of(batch, device);
  const Checkpoint checkpoint = at::GradMode::is_enabled() ? options.checkpoint : Checkpoint::none;
  // Layers that run again in backward outlive this call: they hold a copy of the role's tensor handles.
  const auto shared = checkpoint == Checkpoint::none ? nullptr : std::make_shared<const Role>(role);
  at::Tensor h_TH = embed(role, batch.ids_T.to(device));
  for (size_t i = 0; i < role.weights->layers.size(); ++i) {
    poll(options.cancelled);
    if (checkpoint == Checkpoint::none)
      h_TH = decoder_layer(role, i, geometry, h_TH);
    else if (checkpoint == Checkpoint::selective)
      h_TH = selective_layer(shared, i, geometry, h_TH);
    else
      h_TH = recomputed(h_TH, layer_parameters(role, i),
                        [shared, i, geometry](const at::Tensor& h) { return decoder_layer(*shared, i, geometry, h); });
  }
  poll(options.cancelled);
  return kernels::rms_norm(h_TH, role.weights->final_norm_H, c.rms_eps);
}

at::Tensor linear_qkv(const Role& role, size_t layer, const at::Tensor& x_TH, const at::Tensor& value) {
  const GemmaConfig& c = role.weights->config;
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  Adapters adapters;
  if (role.lora) {
    const LoraLayer& l = role.lora->layers[layer];
    adapters = {{&l.q, &l.k, &l.v}, {q, kv, kv}, role.lora->scale};
  }
  return adapted_linear(x_TH, role.weights->layers[layer].qkv_CH, adapters, value);
}

at::Tensor linear_o(const Role& role, size_t layer, const at::Tensor& x_TC, const at::Tensor& value) {
  Adapters adapters;
  if (role.lora) adapters = {{&role.lora->layers[layer].o}, {role.weights->config.hidden}, role.lora->scale};
  return adapted_linear(x_TC, role.weights->layers[layer].o_HC, adapters, value);
}

at::Tensor linear_gate_up(const Role& role, size_t layer, const at::Tensor& x_TH, const at::Tensor& value) {
  const int64_t F = role.weights->config.intermediate;
  Adapters adapters;
  if (role.lora) {
    const LoraLayer& l = role.lora->layers[layer];
    adapters = {{&l.gate, &l.up}, {F, F}, role.lora->scale};
  }
  return adapted_linear(x_TH, role.weights->layers[layer].gate_up_2FH, adapters, value);
}

at::Tensor linear_down(const Role& role, size_t layer, const at::Tensor& x_TF, const at::Tensor& value) {
  Adapters adapters;
  if (role.lora) adapters = {{&role.lora->layers[layer].down}, {role.weights->config.hidden}, role.lora->scale};
  return adapted_linear(x_TF, role.weights->layers[layer].down_HF, adapters, value);
}

at::Tensor embed(const Role& role, const at::Tensor& ids_T) {
  const at::Tensor& table = role.weights->embed_VH;
  double scale = std::sqrt(static_cast<double>(role.weights->config.hidden));
  if (table.scalar_type() == at::kBFloat16) scale = static_cast<float>(c10::BFloat16(static_cast<float>(scale)));
  return at::embedding(table, ids_T).mul(scale);
}

at::Tensor logits_float32(const Role& role, const at::Tensor& hidden_nH) {
  return lm_head(hidden_nH, role.weights->embed_VH);
}

const kernels::RopeTable& rope_table(const GemmaConfig& config, bool global, int64_t positions, at::Device device) {
  using Key = std::tuple<double, double, int64_t, std::string>;
  // A cache of constants, leaked on purpose: tensors must not be destroyed after LibTorch's own statics.
  static auto* tables = new std::map<Key, kernels::RopeTable>;
  static auto* lock = new std::mutex;
  const double theta = global ? config.rope_theta_global : config.rope_theta_local;
  const double factor = global ? config.rope_factor_global : 1.0;
  std::lock_guard guard(*lock);
  kernels::RopeTable& table = (*tables)[{theta, factor, config.head_dim, device.str()}];
  if (!table.cos_PD2.defined() || table.cos_PD2.size(0) < positions) {
    const int64_t held = table.cos_PD2.defined() ? table.cos_PD2.size(0) : 128;
    const kernels::RopeTable made = kernels::make_rope_table(std::max(positions, 2 * held), config.head_dim, theta, factor);
    table = {made.cos_PD2.to(device), made.sin_PD2.to(device)};
  }
  return table;
}

}  // namespace mira
