// What a role trains, by name, and how one is made; see role.h.
#include "native/core/role.h"
#include <stdexcept>
#include "native/core/heads.h"
#include "native/core/lora.h"

namespace mira {

std::vector<std::pair<std::string, at::Tensor>> Role::trainable() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  if (trains_weights) {
    const std::vector<at::Tensor> tensors = weights->parameters();
    static constexpr const char* kFused[] = {
        "input_layernorm", "self_attn.qkv_proj", "self_attn.q_norm", "self_attn.k_norm", "self_attn.o_proj",
        "post_attention_layernorm", "pre_feedforward_layernorm", "mlp.gate_up_proj", "mlp.down_proj",
        "post_feedforward_layernorm"};
    constexpr size_t per_layer = std::size(kFused);
    for (size_t i = 0; i < tensors.size(); ++i) {
      const size_t layer = (i - 1) / per_layer;
      std::string name = i == 0                   ? "embed_tokens"
                         : i + 1 == tensors.size() ? "norm"
                                                   : "layers." + std::to_string(layer) + "." + kFused[(i - 1) % per_layer];
      all.emplace_back(name + ".weight", tensors[i]);
    }
  }
  if (lora)
    for (auto& adapter : named_adapters(*lora)) all.push_back(std::move(adapter));
  for (auto& head : named_heads()) all.push_back(std::move(head));
  return all;
}

std::vector<std::pair<std::string, at::Tensor>> Role::named() const {
  auto all = weights->named_views();
  if (lora)
    for (auto& adapter : named_adapters(*lora)) all.push_back(std::move(adapter));
  for (auto& head : named_heads()) all.push_back(std::move(head));
  return all;
}

std::vector<std::pair<std::string, at::Tensor>> Role::named_heads() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (const ScalarHead& head : heads) {
    const std::string prefix = "heads." + head.name + ".";
    all.emplace_back(prefix + "w1", head.w1_MH);
    all.emplace_back(prefix + "b1", head.b1_M);
    all.emplace_back(prefix + "w2", head.w2_1M);
    all.emplace_back(prefix + "b2", head.b2_1);
  }
  return all;
}

namespace {

// A leaf on `device`. What is random is drawn on the CPU, so that a seed means the same role on every device.
void move_leaf(at::Tensor& leaf, at::Device device) {
  if (leaf.defined() && leaf.device() != device) leaf = leaf.detach().to(device).requires_grad_(leaf.requires_grad());
}

void move_trained(Role& role, at::Device device) {
  if (role.lora)
    for (LoraLayer& layer : role.lora->layers)
      for (const LoraTarget& target : kLoraTargets) {
        move_leaf((layer.*target.pair).a_RI, device);
        move_leaf((layer.*target.pair).b_OR, device);
      }
  for (ScalarHead& head : role.heads)
    for (at::Tensor* t : {&head.w1_MH, &head.b1_M, &head.w2_1M, &head.b2_1}) move_leaf(*t, device);
}

}  // namespace

std::shared_ptr<Role> make_role(const std::shared_ptr<Weights>& base, const RoleOptions& options) {
  auto role = std::make_shared<Role>();
  role->name = options.name;
  role->trains_weights = options.full;
  if (options.full) {
    if (options.lora_rank) throw std::invalid_argument("role.lora: a role of kind 'full' takes no adapters.");
    role->weights = alias_weights(options.copy ? *clone_weights(*base) : *base, true);
  } else {
    if (options.copy) throw std::invalid_argument("role.copy: a role of kind 'lora' shares the model's weights.");
    role->weights = alias_weights(*base, false);
    if (options.lora_rank)
      role->lora = make_lora(base->config, options.lora_rank, options.lora_alpha, options.lora_seed, options.lora_targets,
                             base->device());
    else if (options.heads.empty())
      throw std::invalid_argument("role.lora: expected a rank and alpha, or heads to train, for kind 'lora'.");
  }
  for (const HeadOptions& head : options.heads) {
    for (const ScalarHead& other : role->heads)
      if (other.name == head.name) throw std::invalid_argument("role.heads: the name '" + head.name + "' occurs twice.");
    role->heads.push_back(make_head(head.name, base->config.hidden, head.width, head.seed, base->device()));
  }
  move_trained(*role, base->embed_VH.device());
  return role;
}

void copy_trainable(Role& into, const Role& from) {
  const auto to_list = into.trainable(), from_list = from.trainable();
  if (to_list.size() != from_list.size())
    throw std::invalid_argument("copyFrom: role '" + from.name + "' has another structure than '" + into.name + "'.");
  for (size_t i = 0; i < to_list.size(); ++i)
    if (to_list[i].first != from_list[i].first || to_list[i].second.sizes() != from_list[i].second.sizes())
      throw std::invalid_argument("copyFrom: '" + from_list[i].first + "' of role '" + from.name +
                                  "' does not match '" + to_list[i].first + "' of role '" + into.name + "'.");
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < to_list.size(); ++i) to_list[i].second.copy_(from_list[i].second);
}

}  // namespace mira
