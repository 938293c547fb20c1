// profileStart, profileStop: where the time between two calls went, by name: kernels where a GPU works, ATen
// operations (without what they call) on the CPU. PyTorch's own profiler; leaves timelines and shapes out.
#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <napi.h>
#include <torch/csrc/autograd/profiler_kineto.h>
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>
#include "native/binding/engine.h"
#include "native/binding/exports.h"

namespace mira::binding {
namespace {

using torch::autograd::profiler::KinetoEvent;
using torch::profiler::impl::ActivityType;
using torch::profiler::impl::ProfilerConfig;
using torch::profiler::impl::ProfilerState;

struct Row {
  double nanoseconds = 0;
  double calls = 0;
};
using Rows = std::map<std::string, Row>;

// Engine thread only, like the profiler itself, which keeps its state per thread.
bool running = false;

bool on_gpu() { return at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0; }

Rows kernels(const std::vector<KinetoEvent>& events) {
  Rows rows;
  for (const KinetoEvent& event : events) {
    if (event.deviceType() != at::DeviceType::CUDA) continue;
    Row& row = rows[event.name()];
    row.nanoseconds += static_cast<double>(event.durationNs());
    row.calls += 1;
  }
  return rows;
}

uint64_t ends(const KinetoEvent& event) { return event.startNs() + event.durationNs(); }

// Operations call operations: the time of the inner ones is taken off the outer one.
Rows operations(const std::vector<KinetoEvent>& events) {
  std::map<uint64_t, std::vector<const KinetoEvent*>> threads;
  for (const KinetoEvent& event : events)
    if (event.deviceType() == at::DeviceType::CPU) threads[event.startThreadId()].push_back(&event);
  Rows rows;
  for (auto& [thread, list] : threads) {
    std::sort(list.begin(), list.end(), [](const KinetoEvent* a, const KinetoEvent* b) {
      return a->startNs() != b->startNs() ? a->startNs() < b->startNs() : a->durationNs() > b->durationNs();
    });
    std::vector<const KinetoEvent*> open;
    for (const KinetoEvent* event : list) {
      while (!open.empty() && ends(*open.back()) <= event->startNs()) open.pop_back();
      Row& row = rows[event->name()];
      row.nanoseconds += static_cast<double>(event->durationNs());
      row.calls += 1;
      if (!open.empty()) rows[open.back()->name()].nanoseconds -= static_cast<double>(event->durationNs());
      open.push_back(event);
    }
  }
  return rows;
}

Napi::Value start(const Napi::CallbackInfo& info) {
  return run_on_engine(info.Env(), "profileStart", info[0], [](const std::atomic<bool>&) -> Deliver {
    if (running) throw std::invalid_argument("profileStart: a profile is being taken; call profileStop first.");
    const std::set<ActivityType> activities{on_gpu() ? ActivityType::CUDA : ActivityType::CPU};
    const ProfilerConfig config(ProfilerState::KINETO);
    torch::autograd::profiler::prepareProfiler(config, activities);
    torch::autograd::profiler::enableProfiler(config, activities,
                                              {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION});
    running = true;
    return [](Napi::Env env) -> Napi::Value { return env.Undefined(); };
  });
}

Napi::Value stop(const Napi::CallbackInfo& info) {
  return run_on_engine(info.Env(), "profileStop", info[0], [](const std::atomic<bool>&) -> Deliver {
    if (!running) throw std::invalid_argument("profileStop: no profile is being taken; call profileStart first.");
    running = false;
    const auto result = torch::autograd::profiler::disableProfiler();
    const bool gpu = on_gpu();
    auto rows = std::make_shared<Rows>(gpu ? kernels(result->events()) : operations(result->events()));
    return [rows](Napi::Env env) -> Napi::Value {
      Napi::Array list = Napi::Array::New(env);
      for (const auto& [name, row] : *rows) {
        Napi::Object entry = Napi::Object::New(env);
        entry.Set("name", name);
        entry.Set("seconds", row.nanoseconds / 1e9);
        entry.Set("calls", row.calls);
        list.Set(list.Length(), entry);
      }
      return list;
    };
  });
}

}  // namespace

void init_profiler(Napi::Env env, Napi::Object exports) {
  exports.Set("profileStart", Napi::Function::New(env, start, "profileStart"));
  exports.Set("profileStop", Napi::Function::New(env, stop, "profileStop"));
}

}  // namespace mira::binding
