// Who holds memory, as allocators count it: bytes in tensors now and at the most, bytes kept by the allocator for
// reuse, bytes left. CUDA: LibTorch's caching allocator; CPU: a counting allocator around LibTorch's own.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>

namespace mira {

struct MemoryStats {
  int64_t allocated = 0;  // bytes in live tensors
  int64_t reserved = 0;   // bytes the allocator holds, caches included; the CPU's keeps none
  int64_t peak = 0;       // most `allocated` since the start or reset_memory_peak
  uint64_t available = 0, total = 0;  // see DeviceMemory
};

// Puts the counting allocator in front of LibTorch's; tensors made before are not counted. Idempotent.
void count_cpu_memory();

MemoryStats memory_stats(at::Device);
void reset_memory_peak(at::Device);
// Gives cached, unused blocks back to the system.
void empty_memory_cache(at::Device);

}  // namespace mira
