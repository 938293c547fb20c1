// CUDA graphs of decode steps: a step's some thousand launches are recorded once per key and replayed as one.
// Promise: run() returns true after exactly the work of `step` has been enqueued on the current stream, else false
// with nothing enqueued that matters; then the caller runs the step itself. Everything `step` reads and writes must
// stay at its address until clear(). Without CUDA run() is always false.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace mira {

class SlotGraphs {
 public:
  SlotGraphs();
  ~SlotGraphs();
  SlotGraphs(const SlotGraphs&) = delete;
  SlotGraphs& operator=(const SlotGraphs&) = delete;

  // {rows, longest}
  using Key = std::pair<int64_t, int64_t>;
  // `step` must not wait for the device; running it twice must be running it once.
  bool run(const Key&, const std::function<void()>& step);
  // Forgets all graphs: memory they were recorded on is about to go.
  void clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mira
