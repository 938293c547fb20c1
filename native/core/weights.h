// The parameters of one Gemma3 text model, stored fused (q|k|v and gate|up in one matrix each) with the
// Hugging Face names available as views, so that one GEMM serves three projections and nothing is copied.
#pragma once
#include <ATen/ATen.h>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "native/core/config.h"

namespace mira {

struct LayerWeights {
  at::Tensor input_norm_H, post_attn_norm_H, pre_ffn_norm_H, post_ffn_norm_H, q_norm_D, k_norm_D;
  at::Tensor qkv_CH;      // [(Q+2K)*D, H], rows: all q heads, then all k heads, then all v heads
  at::Tensor o_HC;        // [H, Q*D]
  at::Tensor gate_up_2FH; // [2F, H], rows: gate then up
  at::Tensor down_HF;     // [H, F]
};

struct Weights {
  GemmaConfig config;
  at::Tensor embed_VH, final_norm_H;
  std::vector<LayerWeights> layers;

  // Every tensor as trained (fused), in a fixed order: what an optimizer iterates over.
  std::vector<at::Tensor> parameters() const;
  // Every tensor under its Hugging Face text name without prefix ("embed_tokens.weight",
  // "layers.0.self_attn.q_proj.weight", ...), as views into the fused storage.
  std::vector<std::pair<std::string, at::Tensor>> named_views() const;
  at::ScalarType dtype() const { return embed_VH.scalar_type(); }
  at::Device device() const { return embed_VH.device(); }
  int64_t parameter_count() const;
};

// Empty storage of the right shapes, to be filled by a loader. On the meta device: names and shapes only.
std::shared_ptr<Weights> allocate_weights(const GemmaConfig&, at::ScalarType, at::Device = at::kCPU);
// Random initialisation: matrices N(0, init_std), norm offsets 0 except the two post-norms whose stored
// offset is post_norm_gain - 1 (a small gain keeps the residual stream tame when training from scratch).
// The device draws for itself: one seed gives the same numbers on every CPU, and others on a GPU. Throws
// NotEnoughMemory.
std::shared_ptr<Weights> random_weights(const GemmaConfig&, at::ScalarType, uint64_t seed, double init_std,
                                        double post_norm_gain, at::Device = at::kCPU);
// A deep copy with storage of its own.
std::shared_ptr<Weights> clone_weights(const Weights&);
// The same storage behind autograd leaves of its own: two roles may share weights and keep their gradients
// apart.
std::shared_ptr<Weights> alias_weights(const Weights&, bool requires_grad);
// A model of the same structure, every fused tensor replaced by f of it.
std::shared_ptr<Weights> map_weights(const Weights&, const std::function<at::Tensor(const at::Tensor&)>& f);

}  // namespace mira
