// NativeRole: one trainable view of a model, with its optimizer, as a JavaScript object.
#pragma once
#include <napi.h>
#include <memory>
#include "native/core/trainer.h"

namespace mira::binding {

Napi::Value wrap_role(Napi::Env env, std::shared_ptr<Trainer> trainer);

// What is behind a NativeRole. Throws Napi::TypeError for anything else and ERR_DISPOSED after dispose().
std::shared_ptr<Trainer> trainer_of(Napi::Value value);
std::shared_ptr<Role> role_of(Napi::Value value);

}  // namespace mira::binding
