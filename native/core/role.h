// A role is one trainable view of the model: the weights themselves ("full"), or frozen weights plus
// low-rank adapters ("lora"), and optional scalar heads (float32) that read a hidden state.
// Actor, value critic and potential critic are roles; the reference is a stored logprob or the base.
#pragma once
#include <ATen/ATen.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "native/core/weights.h"

namespace mira {

// y += scale * (x A^T) B^T for each of the seven linears; undefined tensors mean "not adapted".
struct LoraPair { at::Tensor a_RI, b_OR; };
struct LoraLayer { LoraPair q, k, v, o, gate, up, down; };
struct Lora {
  int64_t rank = 0;
  double scale = 1.0;  // alpha / rank
  std::vector<LoraLayer> layers;
};

// score = w2 relu(w1 h + b1) + b2, float32 throughout; sigmoid is applied by whoever wants a probability.
struct ScalarHead { std::string name; at::Tensor w1_MH, b1_M, w2_1M, b2_1; };

struct Role {
  std::string name;
  std::shared_ptr<Weights> weights;
  bool trains_weights = true;   // "full": weights require grad; "lora": they do not
  std::optional<Lora> lora;
  std::vector<ScalarHead> heads;

  // What the optimizer updates, in a fixed order, with stable names (fused names for weights).
  std::vector<std::pair<std::string, at::Tensor>> trainable() const;
  // Everything under the names users see: Hugging Face names for weights, PEFT names for adapters,
  // heads.NAME.*; views of the same storage.
  std::vector<std::pair<std::string, at::Tensor>> named() const;
  // heads.NAME.{w1,b1,w2,b2}
  std::vector<std::pair<std::string, at::Tensor>> named_heads() const;
};

struct HeadOptions { std::string name; int64_t width = 0; uint64_t seed = 0; };
struct RoleOptions {
  std::string name;
  bool full = true;        // train the weights; otherwise adapters and heads on frozen weights
  bool copy = false;       // full only: a private copy of the weights
  int64_t lora_rank = 0;   // 0: no adapters
  double lora_alpha = 0;
  uint64_t lora_seed = 0;
  std::vector<std::string> lora_targets;  // empty: all seven linears
  std::vector<HeadOptions> heads;
};
// A role over `base`. Its tensors are autograd leaves of its own even when it shares the base's storage.
std::shared_ptr<Role> make_role(const std::shared_ptr<Weights>& base, const RoleOptions&);
// Overwrites the trainable state of one role with another's of the same structure.
void copy_trainable(Role& into, const Role& from);

}  // namespace mira
