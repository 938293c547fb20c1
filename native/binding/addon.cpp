// The module's entry, run once per JS environment: checks the libraries, makes the environment's state and
// collects what the other files export.
#include <napi.h>
#include <unistd.h>
#include "native/binding/engine_thread.h"
#include "native/binding/env_state.h"
#include "native/binding/exports.h"
#include "native/binding/info.h"

namespace mira::binding {

// Node emits 'exit' before it calls exit(), whatever made it leave but a signal. A worker that ends emits it too and
// must not stop the engine, which is the whole process's.
static void stop_at_exit(Napi::Env env) {
#ifdef __linux__
  if (gettid() != getpid()) return;
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject() || !process.As<Napi::Object>().Get("once").IsFunction()) return;
  const Napi::Function stop = Napi::Function::New(
      env, [](const Napi::CallbackInfo&) { EngineThread::instance().leave(); });
  process.As<Napi::Object>().Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), stop});
#endif
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  check_libtorch(env);
  check_cpu(env);
  auto* instance = new Instance();
  env.SetInstanceData(instance);
  instance->state = EnvState::create(env);
  stop_at_exit(env);
  init_info(env, exports);
  init_engine(env, exports);
  init_memory(env, exports);
  init_tensor(env, exports);
  init_safetensors(env, exports);
  init_model(env, exports);
  init_checkpoint(env, exports);
  init_role(env, exports);
  init_generator(env, exports);
  init_profiler(env, exports);
  return exports;
}

}  // namespace mira::binding

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) {
  return mira::binding::init(env, exports);
}
NODE_API_MODULE(mira, init_addon)
