// Allocator statistics; see memory_stats.h.
#include "native/core/memory_stats.h"
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <malloc.h>
#include <algorithm>
#include <atomic>
#include <mutex>
#include "native/core/device.h"

namespace mira {
namespace {

std::atomic<int64_t> cpu_allocated{0}, cpu_peak{0};
c10::DeleterFnPtr free_block = nullptr;

void count(void* data, int sign) {
  if (data == nullptr) return;
  const auto bytes = sign * static_cast<int64_t>(malloc_usable_size(data));
  const int64_t now = cpu_allocated.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  int64_t peak = cpu_peak.load(std::memory_order_relaxed);
  while (now > peak && !cpu_peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {}
}

void count_and_free(void* data) {
  count(data, -1);
  free_block(data);
}

// LibTorch's allocator with a count: the block's own size, so that no table of pointers is needed.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator& inner) : inner_(inner) {}
  c10::DataPtr allocate(size_t bytes) override {
    c10::DataPtr block = inner_.allocate(bytes);
    void* data = block.get();
    count(data, 1);
    block.release_context();
    return {data, data, &count_and_free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &count_and_free; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  c10::Allocator& inner_;
};

}  // namespace

void count_cpu_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    c10::Allocator* inner = c10::GetDefaultCPUAllocator();
    free_block = inner->raw_deleter();
    if (free_block == nullptr) return;  // an allocator whose blocks cannot be wrapped stays as it is
    c10::SetCPUAllocator(new CountingAllocator(*inner), /*priority=*/1);  // lives as long as the process
  });
}

MemoryStats memory_stats(at::Device device) {
  const DeviceMemory memory = device_memory(device);
  if (device.is_cpu()) {
    const int64_t allocated = cpu_allocated.load(std::memory_order_relaxed);
    return {allocated, allocated, cpu_peak.load(std::memory_order_relaxed), memory.available, memory.total};
  }
  const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return {stats.allocated_bytes[0].current, stats.reserved_bytes[0].current, stats.allocated_bytes[0].peak,
          memory.available, memory.total};
}

void reset_memory_peak(at::Device device) {
  if (device.is_cpu()) cpu_peak.store(cpu_allocated.load(std::memory_order_relaxed), std::memory_order_relaxed);
  else c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

void empty_memory_cache(at::Device device) {
  if (device.is_cpu()) malloc_trim(0);
  else c10::getDeviceAllocator(device.type())->emptyCache();
}

}  // namespace mira
