// How much tensor memory this thread took between two points, on any device, as LibTorch's allocators report it.
// Leaves out what other threads allocate, and memory that no allocator of LibTorch handed out.
#pragma once
#include <c10/util/ThreadLocalDebugInfo.h>
#include <cstdint>
#include <memory>

namespace mira {

struct MemoryUse {
  int64_t held = 0;  // bytes allocated less bytes freed
  int64_t peak = 0;  // the largest `held` on the way
};

// Counts from construction to destruction. Uses the thread's profiler slot: not beside a profiler.
class MemoryMeter {
 public:
  MemoryMeter();
  MemoryUse use() const;

 private:
  class Report;
  std::shared_ptr<Report> report_;
  c10::DebugInfoGuard guard_;
};

}  // namespace mira
