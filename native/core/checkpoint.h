// Between safetensors files and a model, a role's adapters, and an optimizer; strict in both directions.
// Leaves index.json, config.json and folders to lib/native/model.ts.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>
#include "native/core/trainer.h"

namespace mira {

struct LoadOptions {
  at::ScalarType dtype = at::kFloat;
  std::vector<std::string> files;   // every shard
  std::string prefix;               // "model.", "language_model.model.", ...
  std::vector<std::string> ignore;  // names, or prefixes ending in '.' or '*', that may stand in a file unread
};
// Every expected tensor must occur exactly once over all files, with its shape; a tensor that is neither
// expected nor ignored is an error. Throws std::invalid_argument with the file and tensor.
std::shared_ptr<Weights> load_weights(const GemmaConfig&, const LoadOptions&, const std::atomic<bool>* cancelled);
void save_weights(const Weights&, const std::string& path, const std::string& prefix, const std::atomic<bool>* cancelled);

// Adapters under PEFT names and heads as heads.NAME.*; the file's metadata holds rank and scale.
void save_adapter(const Role&, const std::string& path, const std::atomic<bool>* cancelled);
void load_adapter(Role&, const std::string& path);

void save_optimizer(Trainer&, const std::string& path, const std::atomic<bool>* cancelled);
void load_optimizer(Trainer&, const std::string& path);

}  // namespace mira
