// Between safetensors files and a model, a role's adapters, and an optimizer; strict in both directions.
// Leaves config.json, the index of a checkpoint being read, and folders as such to lib/native/checkpoint.ts.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "native/core/trainer.h"
#include "native/core/weight_stream.h"

namespace mira {

// A model's text tensors in files.
struct WeightFiles {
  std::vector<std::string> files;   // every shard
  std::string prefix;               // "model.", "language_model.model.", ...
  std::vector<std::string> ignore;  // names, or prefixes ending in '.' or '*', that may stand in a file unread
};

struct LoadOptions {
  WeightFiles from;
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  uint64_t buffer_bytes = uint64_t{256} << 20;  // of each of the two, where they are needed
  LoadProgress* progress = nullptr;
};
// Every expected tensor must occur exactly once over all files, with its shape; a tensor that is neither
// expected nor ignored is an error. Names, shapes and the memory needed are checked before anything is
// allocated. Throws std::invalid_argument with the file and tensor, NotEnoughMemory, Cancelled.
std::shared_ptr<Weights> load_weights(const GemmaConfig&, const LoadOptions&, const std::atomic<bool>* cancelled);

// Tensors that go from a file into a saved checkpoint as they are, byte for byte: the vision part.
struct CarriedTensors {
  std::string file;
  std::vector<std::string> names;
};
struct SaveOptions {
  std::string prefix;                    // before each text tensor's name
  uint64_t max_shard_bytes = 5'000'000'000;
  std::optional<at::ScalarType> dtype;   // of the text tensors; default: as they are
  std::vector<CarriedTensors> carried;
};
// Writes the weights' files into an existing folder (see write_checkpoint_files), from any device, a block at a
// time. `merged`: adapters whose product is added, in float32 and rounded once.
void save_weights(const Weights&, const Lora* merged, const std::string& folder, const SaveOptions&, const std::atomic<bool>* cancelled);

// An adapter file in PEFT's names, over a base.
struct AdapterFile {
  std::string path, prefix;  // prefix: before "layers."
  double scale = 1.0;
};
// From files to files: converts, renames, merges, and never holds more than a block of the model.
void export_weights(const GemmaConfig&, const WeightFiles& from, const std::optional<AdapterFile>& merged, const std::string& folder,
                    const SaveOptions&, const std::atomic<bool>* cancelled);

// What of a role an adapter file holds.
struct AdapterOptions {
  bool adapters = true, heads = true;
  std::string prefix;            // before "layers." of the adapters' names; empty: PEFT's for a text-only model
  std::optional<double> scale;   // loading: what the file was trained with, when it is not in its metadata
};
// Adapters under PEFT names and heads as heads.NAME.*; the file's metadata holds rank and scale.
void save_adapter(const Role&, const std::string& path, const AdapterOptions&, const std::atomic<bool>* cancelled);
void load_adapter(Role&, const std::string& path, const AdapterOptions&);

void save_optimizer(Trainer&, const std::string& path, const std::atomic<bool>* cancelled);
void load_optimizer(Trainer&, const std::string& path);

}  // namespace mira
