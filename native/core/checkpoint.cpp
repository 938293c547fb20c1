// Loading and saving of adapters and optimizer state, and of a model's weights from files; see checkpoint.h.
#include "native/core/checkpoint.h"
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include "native/core/cancelled.h"
#include "native/core/device.h"
#include "native/core/lora.h"
#include "native/core/safetensors.h"
#include "native/core/weight_match.h"

namespace mira {
namespace {

using Named = std::vector<std::pair<std::string, at::Tensor>>;

Named adapter_tensors(const Role& role, const AdapterOptions& options) {
  Named named;
  if (role.lora && options.adapters)
    named = options.prefix.empty() ? named_adapters(*role.lora) : named_adapters(*role.lora, options.prefix);
  if (options.heads)
    for (auto& head : role.named_heads()) named.push_back(std::move(head));
  if (named.empty())
    throw std::invalid_argument("role '" + role.name + "' has " +
                                (options.adapters && options.heads ? "neither adapters nor heads; use saveWeights for its weights."
                                 : options.adapters                ? "no adapters."
                                                                   : "no heads."));
  return named;
}

// Shortest text that reads back as the same double.
std::string number_text(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace

std::shared_ptr<Weights> load_weights(const GemmaConfig& config, const LoadOptions& options, const std::atomic<bool>* cancelled) {
  const auto shapes = allocate_weights(config, options.dtype, at::kMeta);
  const auto found = match_tensors(prefixed(shapes->named_views(), options.from.prefix), options.from.files, options.from.ignore);
  const auto streamed = [&](const Weights& weights) {
    std::vector<StreamedTensor> tensors;
    for (const auto& [name, target] : prefixed(weights.named_views(), options.from.prefix))
      tensors.push_back({found.at(name).file, found.at(name).entry, target});
    return tensors;
  };
  const uint64_t bytes = static_cast<uint64_t>(shapes->parameter_count()) * c10::elementSize(options.dtype);
  const std::string what = (options.from.files.empty() ? std::string("the model") : options.from.files.front()) + ": loading as " +
                           (options.dtype == at::kBFloat16 ? "bfloat16" : "float32");
  require_memory(options.device, bytes, what);
  if (!options.device.is_cpu())
    require_memory(at::kCPU, 2 * std::min(options.buffer_bytes, bytes), what + " through two pinned buffers (MIRA_LOAD_BUFFER)");
  auto weights = allocate_weights(config, options.dtype, options.device);
  stream_weights(streamed(*weights), options.buffer_bytes, cancelled, options.progress);
  return weights;
}

void save_adapter(const Role& role, const std::string& path, const AdapterOptions& options, const std::atomic<bool>* cancelled) {
  std::map<std::string, std::string> metadata{{"format", "pt"}};
  if (role.lora && options.adapters) {
    metadata["lora_rank"] = std::to_string(role.lora->rank);
    metadata["lora_scale"] = number_text(role.lora->scale);
  }
  write_safetensors(path, prefixed(adapter_tensors(role, options), ""), metadata, cancelled);
}

void load_adapter(Role& role, const std::string& path, const AdapterOptions& options) {
  if (role.lora && options.adapters) {
    const auto& metadata = SafetensorsFile::open(path)->header().metadata;
    const auto written = metadata.find("lora_scale");
    std::optional<double> scale = options.scale;
    if (!scale && written != metadata.end()) scale = std::strtod(written->second.c_str(), nullptr);
    if (scale && std::abs(*scale - role.lora->scale) > 1e-9 * std::abs(role.lora->scale))
      throw std::invalid_argument(path + ": the adapter was trained with alpha/rank " + number_text(*scale) + ", role '" + role.name +
                                  "' has " + number_text(role.lora->scale) + "; give the role the same rank and alpha.");
  }
  const Named targets = adapter_tensors(role, options);
  const auto found = match_tensors(targets, {path}, {});
  const at::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) found.at(name).file->read_into(name, target.detach());
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
