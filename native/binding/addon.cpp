// The module's entry, run once per JS environment: checks the libraries, makes the environment's state and
// collects what the other files export.
#include <napi.h>
#include "native/binding/env_state.h"
#include "native/binding/exports.h"
#include "native/binding/info.h"

namespace mira::binding {

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  check_libtorch(env);
  check_cpu(env);
  auto* instance = new Instance();
  env.SetInstanceData(instance);
  instance->state = EnvState::create(env);
  init_info(env, exports);
  init_engine(env, exports);
  init_tensor(env, exports);
  init_safetensors(env, exports);
  init_model(env, exports);
  init_role(env, exports);
  init_generator(env, exports);
  return exports;
}

}  // namespace mira::binding

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) {
  return mira::binding::init(env, exports);
}
NODE_API_MODULE(mira, init_addon)
