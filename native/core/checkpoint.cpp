// Loading and saving of weights, adapters and optimizer state; see checkpoint.h.
#include "native/core/checkpoint.h"
#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>
#include "native/core/cancelled.h"
#include "native/core/lora.h"
#include "native/core/safetensors.h"

namespace mira {
namespace {

using Named = std::vector<std::pair<std::string, at::Tensor>>;

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

bool ignored(const std::string& name, const std::vector<std::string>& rules) {
  return std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) {
    if (rule.empty()) return false;
    if (rule.back() == '*') return name.starts_with(rule.substr(0, rule.size() - 1));
    return rule.back() == '.' ? name.starts_with(rule) : name == rule;
  });
}

// Fills every tensor of `targets` from the files; the rule of load_weights. Nothing is written to any target
// before the names and shapes of all of them are known to be right.
void fill(const Named& targets, const std::vector<std::string>& files, const std::vector<std::string>& ignore,
          const std::atomic<bool>* cancelled) {
  std::map<std::string, at::Tensor> expected(targets.begin(), targets.end());
  std::map<std::string, std::shared_ptr<SafetensorsFile>> source;
  for (const std::string& path : files) {
    const auto file = SafetensorsFile::open(path);
    for (const SafetensorsEntry& entry : file->header().entries) {
      const auto target = expected.find(entry.name);
      if (target == expected.end()) {
        if (!ignored(entry.name, ignore))
          throw std::invalid_argument(path + ": the tensor '" + entry.name + "' is not part of this model; is the prefix or the config of another checkpoint?");
        continue;
      }
      if (target->second.sizes() != at::IntArrayRef(entry.shape))
        throw std::invalid_argument(path + ": expected shape " + shape_text(target->second.sizes()) + " for '" +
                                    entry.name + "', got " + shape_text(entry.shape) + ".");
      const auto dtype = safetensors_dtype(entry.dtype);
      if (!dtype || !at::isFloatingType(*dtype))
        throw std::invalid_argument(path + ": expected a floating-point '" + entry.name + "', got " + entry.dtype + ".");
      if (!source.emplace(entry.name, file).second)
        throw std::invalid_argument(path + ": the tensor '" + entry.name + "' stands in two files.");
    }
  }
  for (const auto& [name, target] : targets)
    if (!source.contains(name))
      throw std::invalid_argument((files.empty() ? std::string("checkpoint") : files.front()) + ": the tensor '" + name + "' is missing.");
  at::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    poll(cancelled);
    source.at(name)->read_into(name, target.detach());
  }
}

Named prefixed(const Named& named, const std::string& prefix) {
  Named out;
  for (const auto& [name, tensor] : named) out.emplace_back(prefix + name, tensor.detach());
  return out;
}

Named adapter_tensors(const Role& role) {
  Named named;
  if (role.lora) named = named_adapters(*role.lora);
  for (auto& head : role.named_heads()) named.push_back(std::move(head));
  if (named.empty())
    throw std::invalid_argument("role '" + role.name + "' has neither adapters nor heads; use saveWeights for its weights.");
  return named;
}

// Shortest text that reads back as the same double.
std::string number_text(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace

std::shared_ptr<Weights> load_weights(const GemmaConfig& config, const LoadOptions& options,
                                      const std::atomic<bool>* cancelled) {
  auto weights = allocate_weights(config, options.dtype);
  fill(prefixed(weights->named_views(), options.prefix), options.files, options.ignore, cancelled);
  return weights;
}

void save_weights(const Weights& weights, const std::string& path, const std::string& prefix,
                  const std::atomic<bool>* cancelled) {
  write_safetensors(path, prefixed(weights.named_views(), prefix), {{"format", "pt"}}, cancelled);
}

void save_adapter(const Role& role, const std::string& path, const std::atomic<bool>* cancelled) {
  std::map<std::string, std::string> metadata{{"format", "pt"}};
  if (role.lora) {
    metadata["lora_rank"] = std::to_string(role.lora->rank);
    metadata["lora_scale"] = number_text(role.lora->scale);
  }
  write_safetensors(path, prefixed(adapter_tensors(role), ""), metadata, cancelled);
}

void load_adapter(Role& role, const std::string& path) {
  if (role.lora) {
    const auto& metadata = SafetensorsFile::open(path)->header().metadata;
    const auto scale = metadata.find("lora_scale");
    if (scale != metadata.end() && scale->second != number_text(role.lora->scale))
      throw std::invalid_argument(path + ": the adapter was trained with alpha/rank " + scale->second + ", role '" +
                                  role.name + "' has " + number_text(role.lora->scale) + "; give the role the same rank and alpha.");
  }
  fill(adapter_tensors(role), {path}, {}, nullptr);
}

void save_optimizer(Trainer& trainer, const std::string& path, const std::atomic<bool>* cancelled) {
  write_safetensors(path, trainer.optimizer().state(trainer.gradients()), {{"format", "mira-adamw-1"}}, cancelled);
}

void load_optimizer(Trainer& trainer, const std::string& path) {
  AdamW& optimizer = trainer.optimizer();
  const auto file = SafetensorsFile::open(path);
  const auto format = file->header().metadata.find("format");
  if (format == file->header().metadata.end() || format->second != "mira-adamw-1")
    throw std::invalid_argument(path + ": expected optimizer state written by saveOptimizer (metadata format 'mira-adamw-1').");
  std::map<std::string, at::Tensor> state;
  for (const SafetensorsEntry& entry : file->header().entries) state[entry.name] = file->read(entry.name);
  optimizer.load_state(trainer.gradients(), state);
}

}  // namespace mira
