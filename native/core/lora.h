// Low-rank adapters: their creation and their names; adapted_linear.h says how they enter a linear layer.
// Adapters are float32 whatever the weights' dtype and are rounded to it only for the product.
#pragma once
#include <ATen/ATen.h>
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>
#include "native/core/config.h"
#include "native/core/role.h"

namespace mira {

// The seven linears in the order of LoraLayer, with their Hugging Face module paths inside a layer.
struct LoraTarget { const char* name; const char* module; LoraPair LoraLayer::* pair; };
inline constexpr std::array<LoraTarget, 7> kLoraTargets{{
    {"q", "self_attn.q_proj", &LoraLayer::q},
    {"k", "self_attn.k_proj", &LoraLayer::k},
    {"v", "self_attn.v_proj", &LoraLayer::v},
    {"o", "self_attn.o_proj", &LoraLayer::o},
    {"gate", "mlp.gate_proj", &LoraLayer::gate},
    {"up", "mlp.up_proj", &LoraLayer::up},
    {"down", "mlp.down_proj", &LoraLayer::down},
}};

// PEFT's initialisation: A ~ U(-1/sqrt(in), 1/sqrt(in)) (kaiming_uniform with a = sqrt 5), B = 0, so that the
// role starts as the base. `targets` holds LoraTarget::name values; empty means all seven. Drawn on the CPU
// whatever the device, so that one seed starts the same everywhere.
Lora make_lora(const GemmaConfig&, int64_t rank, double alpha, uint64_t seed, const std::vector<std::string>& targets,
               at::Device = at::kCPU);

// Before "layers." in PEFT's names of adapters: over Gemma3ForCausalLM, and over
// Gemma3ForConditionalGeneration (both as PEFT 0.21 writes them).
inline constexpr const char* kPeftPrefix = "base_model.model.model.";
inline constexpr const char* kPeftMultimodalPrefix = "base_model.model.model.language_model.";

// Every adapter matrix under its PEFT name (base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight).
std::vector<std::pair<std::string, at::Tensor>> named_adapters(const Lora&, const std::string& prefix = kPeftPrefix);

}  // namespace mira
