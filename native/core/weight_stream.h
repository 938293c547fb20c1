// The way of a model's tensors from files into memory that is already there: no byte of the model exists twice.
// On the CPU, and in the stored dtype, tensors are read straight into their place. Otherwise two buffers (pinned
// for a GPU) take turns: a second thread fills one while the other is copied or converted.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>
#include "native/core/safetensors.h"

namespace mira {

// Bytes read so far of all that will be read; written by the engine, read by whoever shows progress.
struct LoadProgress {
  std::atomic<uint64_t> done{0}, total{0};
};

struct StreamedTensor {
  std::shared_ptr<SafetensorsFile> file;
  const SafetensorsEntry* entry;  // of that file
  at::Tensor target;              // contiguous, of the entry's shape; any device, any floating-point dtype
};

// Whether filling these targets takes the two buffers.
bool needs_buffers(const std::vector<StreamedTensor>&);

// Fills every target, in the order of the bytes in the files. `buffer_bytes` is the size of one buffer. Throws
// std::invalid_argument (a file is short or changed meanwhile), std::system_error, Cancelled; targets are then
// partly filled.
void stream_weights(std::vector<StreamedTensor>, uint64_t buffer_bytes, const std::atomic<bool>* cancelled = nullptr,
                    LoadProgress* progress = nullptr);

}  // namespace mira
