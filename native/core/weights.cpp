// Storage, initialisation and naming of a Gemma3 text model's parameters; see weights.h.
#include "native/core/weights.h"
#include <ATen/core/grad_mode.h>
#include <ATen/CPUGeneratorImpl.h>
#include <stdexcept>
#include "native/core/device.h"
#ifdef MIRA_CUDA
#include <ATen/cuda/CUDAGeneratorImpl.h>
#endif

namespace mira {
namespace {

void check_config(const GemmaConfig& c) {
  const auto positive = [](int64_t value, const char* field) {
    if (value <= 0) throw std::invalid_argument(std::string("config.") + field + ": expected a positive integer, got " + std::to_string(value) + ".");
  };
  positive(c.vocab, "vocab");
  positive(c.hidden, "hidden");
  positive(c.layers, "layers");
  positive(c.heads, "heads");
  positive(c.kv_heads, "kvHeads");
  positive(c.head_dim, "headDim");
  positive(c.intermediate, "intermediate");
  positive(c.sliding_window, "slidingWindow");
  positive(c.max_positions, "maxPositions");
  if (c.heads % c.kv_heads != 0) throw std::invalid_argument("config.heads: expected a multiple of kvHeads.");
  if (c.head_dim % 2 != 0) throw std::invalid_argument("config.headDim: expected an even number.");
  if (static_cast<int64_t>(c.layer_is_global.size()) != c.layers)
    throw std::invalid_argument("config.layerIsGlobal: expected one entry per layer.");
}

at::Generator make_generator(at::Device device, uint64_t seed) {
#ifdef MIRA_CUDA
  if (device.is_cuda()) {
    at::Generator generator = at::cuda::detail::createCUDAGenerator(device.index());
    generator.set_current_seed(seed);
    return generator;
  }
#endif
  return at::make_generator<at::CPUGeneratorImpl>(seed);
}

}  // namespace

std::vector<at::Tensor> Weights::parameters() const {
  std::vector<at::Tensor> all{embed_VH};
  for (const LayerWeights& l : layers)
    for (const at::Tensor& t : {l.input_norm_H, l.qkv_CH, l.q_norm_D, l.k_norm_D, l.o_HC, l.post_attn_norm_H,
                                l.pre_ffn_norm_H, l.gate_up_2FH, l.down_HF, l.post_ffn_norm_H})
      all.push_back(t);
  all.push_back(final_norm_H);
  return all;
}

std::vector<std::pair<std::string, at::Tensor>> Weights::named_views() const {
  std::vector<std::pair<std::string, at::Tensor>> views{{"embed_tokens.weight", embed_VH}};
  const int64_t q_rows = config.heads * config.head_dim, kv_rows = config.kv_heads * config.head_dim;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerWeights& l = layers[i];
    const auto add = [&](const char* name, at::Tensor t) {
      views.emplace_back("layers." + std::to_string(i) + "." + name + ".weight", std::move(t));
    };
    add("input_layernorm", l.input_norm_H);
    add("self_attn.q_proj", l.qkv_CH.narrow(0, 0, q_rows));
    add("self_attn.k_proj", l.qkv_CH.narrow(0, q_rows, kv_rows));
    add("self_attn.v_proj", l.qkv_CH.narrow(0, q_rows + kv_rows, kv_rows));
    add("self_attn.q_norm", l.q_norm_D);
    add("self_attn.k_norm", l.k_norm_D);
    add("self_attn.o_proj", l.o_HC);
    add("post_attention_layernorm", l.post_attn_norm_H);
    add("pre_feedforward_layernorm", l.pre_ffn_norm_H);
    add("mlp.gate_proj", l.gate_up_2FH.narrow(0, 0, config.intermediate));
    add("mlp.up_proj", l.gate_up_2FH.narrow(0, config.intermediate, config.intermediate));
    add("mlp.down_proj", l.down_HF);
    add("post_feedforward_layernorm", l.post_ffn_norm_H);
  }
  views.emplace_back("norm.weight", final_norm_H);
  return views;
}

int64_t Weights::parameter_count() const {
  int64_t count = 0;
  for (const at::Tensor& t : parameters()) count += t.numel();
  return count;
}

std::shared_ptr<Weights> map_weights(const Weights& from, const std::function<at::Tensor(const at::Tensor&)>& f) {
  auto to = std::make_shared<Weights>();
  to->config = from.config;
  to->embed_VH = f(from.embed_VH);
  to->final_norm_H = f(from.final_norm_H);
  for (const LayerWeights& l : from.layers)
    to->layers.push_back({f(l.input_norm_H), f(l.post_attn_norm_H), f(l.pre_ffn_norm_H), f(l.post_ffn_norm_H),
                          f(l.q_norm_D), f(l.k_norm_D), f(l.qkv_CH), f(l.o_HC), f(l.gate_up_2FH), f(l.down_HF)});
  return to;
}

std::shared_ptr<Weights> allocate_weights(const GemmaConfig& config, at::ScalarType dtype, at::Device device) {
  check_config(config);
  at::NoGradGuard no_grad;
  const auto empty = [&](at::IntArrayRef shape) { return at::empty(shape, at::TensorOptions().dtype(dtype).device(device)); };
  const int64_t H = config.hidden, F = config.intermediate, D = config.head_dim;
  const int64_t C = (config.heads + 2 * config.kv_heads) * D;
  auto weights = std::make_shared<Weights>();
  weights->config = config;
  weights->embed_VH = empty({config.vocab, H});
  weights->final_norm_H = empty({H});
  for (int64_t i = 0; i < config.layers; ++i)
    weights->layers.push_back({empty({H}), empty({H}), empty({H}), empty({H}), empty({D}), empty({D}), empty({C, H}),
                               empty({H, config.heads * D}), empty({2 * F, H}), empty({H, F})});
  return weights;
}

std::shared_ptr<Weights> random_weights(const GemmaConfig& config, at::ScalarType dtype, uint64_t seed, double init_std,
                                        double post_norm_gain, at::Device device) {
  const uint64_t count = static_cast<uint64_t>(allocate_weights(config, dtype, at::kMeta)->parameter_count());
  require_memory(device, count * c10::elementSize(dtype), "a random model of " + std::to_string(count) + " parameters");
  auto weights = allocate_weights(config, dtype, device);
  at::NoGradGuard no_grad;
  at::Generator generator = make_generator(device, seed);
  for (const at::Tensor& t : weights->parameters()) {
    if (t.dim() == 2) t.normal_(0.0, init_std, generator);
    else t.zero_();
  }
  for (const LayerWeights& l : weights->layers) {
    l.post_attn_norm_H.fill_(post_norm_gain - 1.0);
    l.post_ffn_norm_H.fill_(post_norm_gain - 1.0);
  }
  return weights;
}

std::shared_ptr<Weights> clone_weights(const Weights& from) {
  at::NoGradGuard no_grad;
  return map_weights(from, [](const at::Tensor& t) { return t.detach().clone(); });
}

std::shared_ptr<Weights> alias_weights(const Weights& from, bool requires_grad) {
  return map_weights(from, [&](const at::Tensor& t) { return t.detach().requires_grad_(requires_grad); });
}

}  // namespace mira
