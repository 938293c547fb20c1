// What the addon keeps per JS environment (main thread or worker), and how other threads reach it.
// Promise: any thread may call post() at any time, also while the environment is being torn down: then the
// message is dropped. Nothing here is global; EnvState outlives its environment through shared_ptr.
#pragma once
#include <napi.h>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>

namespace mira::binding {

using CancelFlag = std::shared_ptr<std::atomic<bool>>;

class EnvState {
 public:
  // Null once the environment's instance data is gone (late finalizers); they keep their own shared_ptr.
  static std::shared_ptr<EnvState> of(Napi::Env env);
  static std::shared_ptr<EnvState> create(Napi::Env env);  // once per environment, at module init

  // Runs `message` on the JS thread inside a handle scope; drops it, unrun, when the environment closes.
  // What it captured is destroyed on either thread, so it must hold no Napi::Reference.
  void post(std::function<void(Napi::Env)> message);

  // JS thread: a promise is outstanding (keeps the process alive) / settled. `cancelled` is set if the
  // environment closes first, so that abandoned work makes room for others.
  void begin(const CancelFlag& cancelled);
  void end(const CancelFlag& cancelled);

  // JS thread only.
  int64_t external_bytes = 0;            // held by JS through our ArrayBuffers
  double max_array_buffer = 4294967296;  // bytes; 4 GiB on Node 20, far more later
  bool external_buffers_allowed = true;  // false in Electron's memory cage, found out at the first attempt

 private:
  static void call_js(napi_env env, napi_value function, void* context, void* data);
  static void on_cleanup(void* data);

  napi_env env_ = nullptr;  // JS thread only
  std::mutex mutex_;        // guards tsfn_ and closing_ between the JS thread and all others
  napi_threadsafe_function tsfn_ = nullptr;
  bool closing_ = false;
  std::unordered_multiset<CancelFlag> outstanding_;
};

// Instance data: lives and dies with the environment, so it may hold references.
struct Instance {
  std::shared_ptr<EnvState> state;
  Napi::FunctionReference tensor_class;
  Napi::FunctionReference generator_class;
  Napi::FunctionReference model_class, role_class;
};

}  // namespace mira::binding
