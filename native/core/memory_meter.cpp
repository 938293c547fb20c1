// The receiver of allocation reports; see memory_meter.h.
#include "native/core/memory_meter.h"
#include <c10/core/Allocator.h>
#include <algorithm>

namespace mira {

class MemoryMeter::Report : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t bytes, size_t, size_t, c10::Device) override {
    use.held += bytes;
    use.peak = std::max(use.peak, use.held);
  }
  bool memoryProfilingEnabled() const override { return true; }

  MemoryUse use;
};

MemoryMeter::MemoryMeter() : report_(std::make_shared<Report>()), guard_(c10::DebugInfoKind::PROFILER_STATE, report_) {}

MemoryUse MemoryMeter::use() const { return report_->use; }

}  // namespace mira
