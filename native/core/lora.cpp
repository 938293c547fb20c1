// Low-rank adapters; see lora.h.
#include "native/core/lora.h"
#include <ATen/core/grad_mode.h>
#include <ATen/CPUGeneratorImpl.h>
#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace mira {
namespace {

// {out, in} of a target.
std::pair<int64_t, int64_t> shape_of(const GemmaConfig& c, const std::string& target) {
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  if (target == "q") return {q, c.hidden};
  if (target == "k" || target == "v") return {kv, c.hidden};
  if (target == "o") return {c.hidden, q};
  if (target == "down") return {c.hidden, c.intermediate};
  return {c.intermediate, c.hidden};
}

}  // namespace

Lora make_lora(const GemmaConfig& config, int64_t rank, double alpha, uint64_t seed,
               const std::vector<std::string>& targets, at::Device device) {
  if (rank < 1) throw std::invalid_argument("lora.rank: expected a positive integer, got " + std::to_string(rank) + ".");
  if (!(alpha > 0)) throw std::invalid_argument("lora.alpha: expected a positive number, got " + std::to_string(alpha) + ".");
  for (const std::string& name : targets)
    if (std::none_of(kLoraTargets.begin(), kLoraTargets.end(), [&](const LoraTarget& t) { return name == t.name; }))
      throw std::invalid_argument("lora.targets: expected q, k, v, o, gate, up or down, got '" + name + "'.");
  at::NoGradGuard no_grad;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  Lora lora{rank, alpha / static_cast<double>(rank), {}};
  lora.layers.resize(config.layers);
  for (LoraLayer& layer : lora.layers)
    for (const LoraTarget& target : kLoraTargets) {
      if (!targets.empty() && std::find(targets.begin(), targets.end(), target.name) == targets.end()) continue;
      const auto [out, in] = shape_of(config, target.name);
      const double bound = 1.0 / std::sqrt(static_cast<double>(in));
      LoraPair& pair = layer.*target.pair;
      pair.a_RI = at::empty({rank, in}, at::kFloat).uniform_(-bound, bound, generator).to(device).requires_grad_(true);
      pair.b_OR = at::zeros({out, rank}, at::TensorOptions().dtype(at::kFloat).device(device)).requires_grad_(true);
    }
  return lora;
}

std::vector<std::pair<std::string, at::Tensor>> named_adapters(const Lora& lora, const std::string& prefix) {
  std::vector<std::pair<std::string, at::Tensor>> named;
  for (size_t i = 0; i < lora.layers.size(); ++i)
    for (const LoraTarget& target : kLoraTargets) {
      const LoraPair& pair = lora.layers[i].*target.pair;
      if (!pair.a_RI.defined()) continue;
      const std::string module = prefix + "layers." + std::to_string(i) + "." + target.module;
      named.emplace_back(module + ".lora_A.weight", pair.a_RI);
      named.emplace_back(module + ".lora_B.weight", pair.b_OR);
    }
  return named;
}

}  // namespace mira
