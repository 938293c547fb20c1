// A model's weights into files, from memory or from other files; see checkpoint.h.
#include <map>
#include <set>
#include <stdexcept>
#include "native/core/checkpoint.h"
#include "native/core/lora.h"
#include "native/core/tensor_source.h"
#include "native/core/weight_match.h"

namespace mira {
namespace {

using Updates = std::map<std::string, LowRankUpdate>;  // by text name without prefix

Updates updates_of(const Lora& lora) {
  Updates updates;
  for (size_t i = 0; i < lora.layers.size(); ++i)
    for (const LoraTarget& target : kLoraTargets) {
      const LoraPair& pair = lora.layers[i].*target.pair;
      if (!pair.a_RI.defined()) continue;
      updates["layers." + std::to_string(i) + "." + target.module + ".weight"] = {pair.a_RI.detach(), pair.b_OR.detach(), lora.scale};
    }
  return updates;
}

// Every pair lora_A, lora_B of a PEFT file, for tensors that `expected` names.
Updates updates_of(const AdapterFile& adapter, const std::set<std::string>& expected) {
  const auto file = SafetensorsFile::open(adapter.path);
  Updates updates;
  for (const SafetensorsEntry& entry : file->header().entries) {
    const auto refuse = [&](const std::string& why) { throw std::invalid_argument(adapter.path + ": '" + entry.name + "' " + why); };
    static constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight";
    const bool is_a = entry.name.ends_with(kA);
    if (!is_a && !entry.name.ends_with(kB)) refuse("is neither a lora_A nor a lora_B matrix and cannot be merged.");
    if (!entry.name.starts_with(adapter.prefix)) refuse("does not start with '" + adapter.prefix + "' and adapts no text layer of the model.");
    const std::string module = entry.name.substr(adapter.prefix.size(), entry.name.size() - adapter.prefix.size() - kA.size());
    if (!expected.contains(module + ".weight")) refuse("adapts '" + module + "', which the model does not have.");
    LowRankUpdate& update = updates[module + ".weight"];
    update.scale = adapter.scale;
    (is_a ? update.a_RI : update.b_OR) = file->read(entry.name, at::kFloat);
  }
  for (const auto& [name, update] : updates)
    if (!update.a_RI.defined() || !update.b_OR.defined())
      throw std::invalid_argument(adapter.path + ": '" + name + "' has only one of its two matrices lora_A and lora_B.");
  if (updates.empty()) throw std::invalid_argument(adapter.path + ": expected lora_A and lora_B matrices, found none.");
  return updates;
}

std::optional<LowRankUpdate> update_for(const Updates& updates, const std::string& name) {
  const auto found = updates.find(name);
  return found == updates.end() ? std::nullopt : std::optional(found->second);
}

// The carried tensors behind the text ones. The files stay open, so what is written is what was checked.
void write(const std::string& folder, std::vector<TensorSource> sources, const SaveOptions& options,
           std::set<std::shared_ptr<SafetensorsFile>> files, const std::atomic<bool>* cancelled) {
  for (const CarriedTensors& carried : options.carried) {
    const auto file = SafetensorsFile::open(carried.file);
    for (const std::string& name : carried.names) {
      const SafetensorsEntry* entry = file->find(name);
      if (!entry) throw std::invalid_argument(carried.file + ": the tensor '" + name + "' is no longer there; the source of this model was changed.");
      sources.push_back(file_source(name, file, *entry));
    }
    files.insert(file);
  }
  write_checkpoint_files(folder, sources, options.max_shard_bytes, cancelled);
  for (const auto& file : files) file->check_unchanged();
}

}  // namespace

void save_weights(const Weights& weights, const Lora* merged, const std::string& folder, const SaveOptions& options,
                  const std::atomic<bool>* cancelled) {
  const Updates updates = merged ? updates_of(*merged) : Updates{};
  std::vector<TensorSource> sources;
  for (const auto& [name, tensor] : weights.named_views())
    sources.push_back(tensor_source(options.prefix + name, tensor, options.dtype, update_for(updates, name)));
  write(folder, std::move(sources), options, {}, cancelled);
}

void export_weights(const GemmaConfig& config, const WeightFiles& from, const std::optional<AdapterFile>& merged,
                    const std::string& folder, const SaveOptions& options, const std::atomic<bool>* cancelled) {
  const auto shapes = allocate_weights(config, at::kFloat, at::kMeta)->named_views();
  const auto found = match_tensors(prefixed(shapes, from.prefix), from.files, from.ignore);
  std::set<std::string> names;
  for (const auto& [name, shape] : shapes) names.insert(name);
  const Updates updates = merged ? updates_of(*merged, names) : Updates{};
  std::vector<TensorSource> sources;
  std::set<std::shared_ptr<SafetensorsFile>> files;
  for (const auto& [name, shape] : shapes) {
    const MatchedTensor& tensor = found.at(from.prefix + name);
    sources.push_back(file_source(options.prefix + name, tensor.file, *tensor.entry, options.dtype, update_for(updates, name)));
    files.insert(tensor.file);
  }
  write(folder, std::move(sources), options, std::move(files), cancelled);
}

}  // namespace mira
