// NativeModel: the weights of one Gemma3 text model, from which roles are made.
#pragma once
#include <napi.h>
#include <memory>
#include "native/core/weights.h"

namespace mira::binding {

// {vocab, hidden, ...} of lib/native/types.ts as numbers of the core; throws a JS error naming the field.
GemmaConfig config_argument(Napi::Value value, const std::string& name);
Napi::Object config_object(Napi::Env env, const GemmaConfig& config);

// The NativeModel that shares `weights`.
Napi::Value wrap_model(Napi::Env env, std::shared_ptr<Weights> weights);

}  // namespace mira::binding
