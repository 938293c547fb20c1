// Where tensors live: device names, whether CUDA can be used here, and how much memory is left to allocate.
// Promise: nothing is allocated on a device by asking. Leaves out 'auto', which the caller resolves.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace mira {

// CUDA was asked for and cannot be used; the sentence says what was found and what to do.
struct CudaUnavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// More memory is needed than there is, found out before allocating.
struct NotEnoughMemory : std::runtime_error {
  NotEnoughMemory(const std::string& what, bool on_device) : std::runtime_error(what), on_device(on_device) {}
  bool on_device;
};

// "cpu", "cuda" (= "cuda:0") or "cuda:N". Throws std::invalid_argument for other text and CudaUnavailable when
// the addon has no CUDA kernels, the driver is missing or too old, or there is no such GPU (or one below 8.0).
at::Device parse_device(const std::string& name);
std::string device_name(at::Device);

struct DeviceMemory {
  uint64_t available = 0;  // bytes an allocation may still take: caches that are given up on demand included
  uint64_t total = 0;
};
// CPU: MemAvailable, or less where a control group limits this process. CUDA: free, and reserved but unused.
DeviceMemory device_memory(at::Device);

// Throws NotEnoughMemory unless `bytes` are available; `what` names the purpose ("the weights of the model").
void require_memory(at::Device, uint64_t bytes, const std::string& what);

// "23.5 GB"
std::string gigabytes(uint64_t bytes);

}  // namespace mira
