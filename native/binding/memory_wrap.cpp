// memory, emptyCache: what the allocators of a device say, and giving back what they keep for reuse.
#include <napi.h>
#include "native/binding/args.h"
#include "native/binding/engine.h"
#include "native/binding/exports.h"
#include "native/core/device.h"
#include "native/core/memory_stats.h"

namespace mira::binding {
namespace {

Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Object options = object_argument(info[0], "options");
  const Napi::Value reset = field(options, "resetPeak");
  const std::string name = string_argument(field(options, "device"), "options.device");
  const bool reset_peak = !missing(reset) && bool_argument(reset, "options.resetPeak");
  return run_on_engine(info.Env(), "memory", info.Env().Undefined(),
                       [name, reset_peak](const std::atomic<bool>&) -> Deliver {
                         const at::Device device = parse_device(name);
                         const MemoryStats stats = memory_stats(device);
                         if (reset_peak) reset_memory_peak(device);
                         return [stats, device](Napi::Env env) -> Napi::Value {
                           Napi::Object result = Napi::Object::New(env);
                           result.Set("device", device_name(device));
                           result.Set("allocatedBytes", static_cast<double>(stats.allocated));
                           result.Set("reservedBytes", static_cast<double>(stats.reserved));
                           result.Set("peakBytes", static_cast<double>(stats.peak));
                           result.Set("availableBytes", static_cast<double>(stats.available));
                           result.Set("totalBytes", static_cast<double>(stats.total));
                           return result;
                         };
                       });
}

Napi::Value empty_cache(const Napi::CallbackInfo& info) {
  return run_on_engine(info.Env(), "emptyCache", info.Env().Undefined(),
                       [name = string_argument(info[0], "device")](const std::atomic<bool>&) -> Deliver {
                         empty_memory_cache(parse_device(name));
                         return [](Napi::Env env) { return env.Undefined(); };
                       });
}

}  // namespace

void init_memory(Napi::Env env, Napi::Object exports) {
  count_cpu_memory();
  exports.Set("memory", Napi::Function::New(env, memory, "memory"));
  exports.Set("emptyCache", Napi::Function::New(env, empty_cache, "emptyCache"));
}

}  // namespace mira::binding
