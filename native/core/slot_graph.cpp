// Capture and replay of decode steps; see slot_graph.h.
#include "native/core/slot_graph.h"
#include <map>
#ifdef MIRA_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <optional>
#endif

namespace mira {

#ifdef MIRA_CUDA

struct SlotGraphs::State {
  std::map<Key, std::unique_ptr<at::cuda::CUDAGraph>> graphs;
  c10::MempoolId_t pool{0, 0};  // one for all graphs: they never run at the same time
  std::optional<c10::cuda::CUDAStream> side;
  bool refused = false;  // a capture failed: no further attempts
};

SlotGraphs::SlotGraphs() : state_(std::make_unique<State>()) {}
SlotGraphs::~SlotGraphs() = default;

namespace {

void wait(const c10::cuda::CUDAStream& waiting, const c10::cuda::CUDAStream& for_this) {
  at::cuda::CUDAEvent event;
  event.record(for_this);
  event.block(waiting);
}

// On the current stream. A failure leaves the stream as it was; should the device itself be broken, the next
// operation says so.
bool record(at::cuda::CUDAGraph& graph, const c10::MempoolId_t& pool, const std::function<void()>& step) {
  bool begun = false;
  try {
    // Thread local: what other threads do with the device meanwhile is no part of this.
    graph.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    begun = true;
    step();
    begun = false;
    graph.capture_end();
    return true;
  } catch (const c10::Error&) {
    try {
      if (begun) graph.capture_end();
    } catch (const c10::Error&) {  // how an invalid capture ends
    }
    static_cast<void>(cudaGetLastError());
    return false;
  }
}

}  // namespace

bool SlotGraphs::run(const Key& key, const std::function<void()>& step) {
  State& s = *state_;
  if (s.refused) return false;
  if (const auto found = s.graphs.find(key); found != s.graphs.end()) {
    found->second->replay();
    return true;
  }
  const c10::cuda::CUDAStream current = c10::cuda::getCurrentCUDAStream();
  if (!s.side) {
    s.side = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, current.device_index());
    s.pool = at::cuda::graph_pool_handle();
  }
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  wait(*s.side, current);
  {
    const c10::cuda::CUDAStreamGuard on_side(*s.side);
    step();  // libraries choose their kernels and allocate their workspaces before they are recorded
    s.side->synchronize();
    if (!record(*graph, s.pool, step)) {
      s.refused = true;
      return false;
    }
  }
  wait(current, *s.side);
  graph->replay();
  s.graphs.emplace(key, std::move(graph));
  return true;
}

void SlotGraphs::clear() { state_->graphs.clear(); }

#else

struct SlotGraphs::State {};
SlotGraphs::SlotGraphs() = default;
SlotGraphs::~SlotGraphs() = default;
bool SlotGraphs::run(const Key&, const std::function<void()>&) { return false; }
void SlotGraphs::clear() {}

#endif

}  // namespace mira
