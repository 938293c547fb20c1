// NativeGenerator: continuous batching for one role, driven by a pump on the engine thread.
#pragma once
#include <napi.h>
#include <memory>
#include "native/core/role.h"

namespace mira::binding {

// The object behind `role.generator(spec)`; keeps the role alive. Throws a JS error naming the option.
Napi::Value make_generator(Napi::Env env, std::shared_ptr<Role> role, Napi::Value spec);

}  // namespace mira::binding
