// One tensor of a file about to be written: what its header entry says, and its bytes on demand, in order and
// in blocks of about 16 MB, whatever it is made of. A model is written, converted or merged this way without a
// second copy of it in memory.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "native/core/safetensors.h"

namespace mira {

using ByteSink = std::function<void(const void* data, size_t bytes)>;

struct TensorSource {
  std::string name, dtype;  // dtype as the file spells it: "BF16"
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
  int64_t item_bits = 0;                       // of one element; decides the order in the file
  std::function<void(const ByteSink&)> emit;   // calls the sink with `bytes` bytes in all
};

// W + scale * B A, in float32 and rounded once to the dtype written.
struct LowRankUpdate {
  at::Tensor a_RI, b_OR;  // on the device of W
  double scale = 1.0;
};

// A tensor on any device, any strides, kept alive until written; `dtype` converts (floating to floating).
TensorSource tensor_source(std::string name, const at::Tensor&, std::optional<at::ScalarType> dtype = std::nullopt,
                           std::optional<LowRankUpdate> update = std::nullopt);
// A tensor of an open file under a new name, byte for byte, or converted when `dtype` or `update` is given.
TensorSource file_source(std::string name, std::shared_ptr<SafetensorsFile>, const SafetensorsEntry&,
                         std::optional<at::ScalarType> dtype = std::nullopt, std::optional<LowRankUpdate> update = std::nullopt);

// Writes one file as write_safetensors does: aside, synced, renamed.
void write_sources(const std::string& path, const std::vector<TensorSource>&, const std::map<std::string, std::string>& metadata,
                   const std::atomic<bool>* cancelled = nullptr);

// Writes model.safetensors into an existing folder, or, when the sources exceed max_shard_bytes,
// model-00001-of-0000n.safetensors ... and model.safetensors.index.json last. A tensor larger than that has a
// shard of its own. Throws std::system_error (ENOSPC) before writing when the file system lacks the room.
void write_checkpoint_files(const std::string& folder, const std::vector<TensorSource>&, uint64_t max_shard_bytes,
                            const std::atomic<bool>* cancelled = nullptr);

}  // namespace mira
