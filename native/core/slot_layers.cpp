// Layers of the slot decoder; see slot_layers.h.
#include "native/core/slot_layers.h"
#include <ATen/core/grad_mode.h>
#include <tuple>
#include "native/core/forward.h"
#include "native/core/lm_head.h"
#include "native/kernels/exact_linear.h"
#include "native/kernels/geglu.h"
#include "native/kernels/rms_norm.h"

namespace mira {

std::vector<SlotLayer> slot_layers(const Role& role, bool exact) {
  const GemmaConfig& c = role.weights->config;
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim, F = c.intermediate;
  const LoraLayer none;
  const double scale = role.lora ? role.lora->scale : 1.0;
  std::vector<SlotLayer> layers;
  for (size_t i = 0; i < role.weights->layers.size(); ++i) {
    const LayerWeights& w = role.weights->layers[i];
    const LoraLayer& l = role.lora ? role.lora->layers[i] : none;
    layers.push_back({SlotLinear(w.qkv_CH, {&l.q, &l.k, &l.v}, {q, kv, kv}, scale, exact),
                      SlotLinear(w.o_HC, {&l.o}, {c.hidden}, scale, exact),
                      SlotLinear(w.gate_up_2FH, {&l.gate, &l.up}, {F, F}, scale, exact),
                      SlotLinear(w.down_HF, {&l.down}, {c.hidden}, scale, exact)});
  }
  return layers;
}

at::Tensor run_slot_layers(const Role& role, const std::vector<SlotLayer>& layers, const at::Tensor& ids_T,
                           const Attend& attend, const ObserveResidual& observe) {
  at::NoGradGuard no_grad;
  const Weights& weights = *role.weights;
  const double eps = weights.config.rms_eps;
  at::Tensor h_TH = embed(role, ids_T);
  at::Tensor x_TH = kernels::rms_norm_forward(h_TH, weights.layers[0].input_norm_H, eps);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (observe) observe(i, h_TH);
    const LayerWeights& w = weights.layers[i];
    const SlotLayer& layer = layers[i];
    const at::Tensor attention = layer.o(attend(i, layer.qkv(x_TH)).flatten(1));
    auto [mid_TH, y_TH] = kernels::add_rms_norm_forward(h_TH, attention, w.post_attn_norm_H, w.pre_ffn_norm_H, eps);
    const at::Tensor ffn = layer.down(kernels::geglu_forward(layer.gate_up(y_TH)));
    const bool last = i + 1 == layers.size();
    const at::Tensor& next = last ? weights.final_norm_H : weights.layers[i + 1].input_norm_H;
    std::tie(h_TH, x_TH) = kernels::add_rms_norm_forward(mid_TH, ffn, w.post_ffn_norm_H, next, eps);
  }
  if (observe) observe(layers.size(), h_TH);
  return x_TH;
}

at::Tensor slot_logits(const Role& role, const at::Tensor& hidden_nH, bool exact) {
  const at::Tensor& embed_VH = role.weights->embed_VH;
  if (!exact) return lm_head(hidden_nH, embed_VH);
  return kernels::exact_linear(hidden_nH.contiguous(), embed_VH.detach(), at::kFloat);
}

}  // namespace mira
