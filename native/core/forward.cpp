// The Gemma3 decoder over a packed batch; see forward.h. A layer is one function from residual stream to
// residual stream: differentiated as written, or wrapped so that backward runs it a second time.
#include "native/core/forward.h"
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <tuple>
#include "native/core/cancelled.h"
#include "native/core/lora.h"
#include "native/kernels/attention.h"
#include "native/kernels/geglu.h"
#include "native/kernels/rms_norm.h"

namespace mira {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Geometry { at::Tensor offsets_B1, pos_T; int64_t longest; };

at::Tensor decoder_layer(const Role& role, size_t index, const Geometry& geometry, const at::Tensor& h_TH) {
  const GemmaConfig& c = role.weights->config;
  const LayerWeights& w = role.weights->layers[index];
  const bool global = c.layer_is_global[index];
  const kernels::RopeTable& rope = rope_table(c, global, geometry.longest);
  const at::Tensor x_TH = kernels::rms_norm(h_TH, w.input_norm_H, c.rms_eps);
  auto [q, k, v] = kernels::qk_norm_rope(linear_qkv(role, index, x_TH), w.q_norm_D, w.k_norm_D, geometry.pos_T, rope,
                                         c.heads, c.kv_heads, c.rms_eps);
  const at::Tensor mixed = kernels::varlen_attention(q, k, v, geometry.offsets_B1, global ? 0 : c.sliding_window,
                                                     std::pow(c.query_pre_attn_scalar, -0.5));
  auto [mid_TH, y_TH] = kernels::add_rms_norm(h_TH, linear_o(role, index, mixed.flatten(1)), w.post_attn_norm_H,
                                              w.pre_ffn_norm_H, c.rms_eps);
  const at::Tensor ffn = linear_down(role, index, kernels::geglu(linear_gate_up(role, index, y_TH)));
  return kernels::rms_norm_add(mid_TH, ffn, w.post_ffn_norm_H, c.rms_eps);
}

// Everything of layer `index` that may require grad: inputs of the checkpointed function, so that autograd
// knows of them even when the residual stream itself needs no gradient (adapters on frozen embeddings).
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

using LayerFunction = std::function<at::Tensor(const at::Tensor&)>;
struct Recompute : torch::CustomClassHolder {
  explicit Recompute(LayerFunction f) : layer(std::move(f)) {}
  LayerFunction layer;
};

struct CheckpointedLayer : Function<CheckpointedLayer> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& h_TH, at::TensorList parameters,
                            const LayerFunction& layer) {
    variable_list saved{h_TH};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["layer"] = c10::IValue::make_capsule(c10::make_intrusive<Recompute>(layer));
    at::NoGradGuard no_grad;
    return layer(h_TH);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto recompute = c10::static_intrusive_pointer_cast<Recompute>(ctx->saved_data["layer"].toCapsule());
    at::AutoGradMode with_grad(true);
    const at::Tensor h = saved[0].detach().requires_grad_(saved[0].requires_grad());
    variable_list inputs;
    std::vector<size_t> slots;
    for (size_t i = 0; i < saved.size(); ++i) {
      const at::Tensor& input = i == 0 ? h : saved[i];
      if (!input.requires_grad()) continue;
      inputs.push_back(input);
      slots.push_back(i);
    }
    const variable_list found = torch::autograd::grad({recompute->layer(h)}, inputs, {grads[0]});
    variable_list result(saved.size() + 1);  // the last slot stands for the layer function
    for (size_t i = 0; i < slots.size(); ++i) result[slots[i]] = found[i];
    return result;
  }
};

}  // namespace

at::Tensor forward_hidden(const Role& role, const PackedBatch& batch, const ForwardOptions& options) {
  const GemmaConfig& c = role.weights->config;
  Geometry geometry{batch.offsets_B1, positions_of(batch), 0};
  geometry.longest = batch.tokens() ? geometry.pos_T.max().item<int32_t>() + 1 : 0;
  const bool checkpoint = options.checkpoint && at::GradMode::is_enabled();
  // Checkpointed layers outlive this call until backward: they hold a copy of the role's tensor handles.
  const auto shared = checkpoint ? std::make_shared<const Role>(role) : nullptr;
  at::Tensor h_TH = embed(role, batch.ids_T);
  for (size_t i = 0; i < role.weights->layers.size(); ++i) {
    poll(options.cancelled);
    if (!checkpoint) {
      h_TH = decoder_layer(role, i, geometry, h_TH);
      continue;
    }
    const LayerFunction layer = [shared, i, geometry](const at::Tensor& h) { return decoder_layer(*shared, i, geometry, h); };
    const std::vector<at::Tensor> parameters = layer_parameters(role, i);
    h_TH = CheckpointedLayer::apply(h_TH, at::TensorList(parameters), layer);
  }
  poll(options.cancelled);
  return kernels::rms_norm(h_TH, role.weights->final_norm_H, c.rms_eps);
}

at::Tensor linear_qkv(const Role& role, size_t layer, const at::Tensor& x_TH) {
  const GemmaConfig& c = role.weights->config;
  const at::Tensor y = at::linear(x_TH, role.weights->layers[layer].qkv_CH);
  if (!role.lora) return y;
  const LoraLayer& l = role.lora->layers[layer];
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  return add_lora(y, x_TH, {&l.q, &l.k, &l.v}, {q, kv, kv}, role.lora->scale);
}

at::Tensor linear_o(const Role& role, size_t layer, const at::Tensor& x_TC) {
  const at::Tensor y = at::linear(x_TC, role.weights->layers[layer].o_HC);
  return role.lora ? add_lora(y, x_TC, {&role.lora->layers[layer].o}, {y.size(1)}, role.lora->scale) : y;
}

at::Tensor linear_gate_up(const Role& role, size_t layer, const at::Tensor& x_TH) {
  const int64_t F = role.weights->config.intermediate;
  const at::Tensor y = at::linear(x_TH, role.weights->layers[layer].gate_up_2FH);
  if (!role.lora) return y;
  const LoraLayer& l = role.lora->layers[layer];
  return add_lora(y, x_TH, {&l.gate, &l.up}, {F, F}, role.lora->scale);
}

at::Tensor linear_down(const Role& role, size_t layer, const at::Tensor& x_TF) {
  const at::Tensor y = at::linear(x_TF, role.weights->layers[layer].down_HF);
  return role.lora ? add_lora(y, x_TF, {&role.lora->layers[layer].down}, {y.size(1)}, role.lora->scale) : y;
}

at::Tensor embed(const Role& role, const at::Tensor& ids_T) {
  const at::Tensor& table = role.weights->embed_VH;
  double scale = std::sqrt(static_cast<double>(role.weights->config.hidden));
  if (table.scalar_type() == at::kBFloat16) scale = static_cast<float>(c10::BFloat16(static_cast<float>(scale)));
  return at::embedding(table, ids_T).mul(scale);
}

at::Tensor logits_float32(const Role& role, const at::Tensor& hidden_nH) {
  return at::linear(hidden_nH.to(at::kFloat), role.weights->embed_VH.to(at::kFloat));
}

const kernels::RopeTable& rope_table(const GemmaConfig& config, bool global, int64_t positions) {
  using Key = std::tuple<double, double, int64_t>;
  // A cache of constants, leaked on purpose: tensors must not be destroyed after LibTorch's own statics.
  static auto* tables = new std::map<Key, kernels::RopeTable>;
  static auto* lock = new std::mutex;
  const double theta = global ? config.rope_theta_global : config.rope_theta_local;
  const double factor = global ? config.rope_factor_global : 1.0;
  std::lock_guard guard(*lock);
  kernels::RopeTable& table = (*tables)[{theta, factor, config.head_dim}];
  if (!table.cos_PD2.defined() || table.cos_PD2.size(0) < positions) {
    const int64_t held = table.cos_PD2.defined() ? table.cos_PD2.size(0) : 128;
    table = kernels::make_rope_table(std::max(positions, 2 * held), config.head_dim, theta, factor);
  }
  return table;
}

}  // namespace mira
