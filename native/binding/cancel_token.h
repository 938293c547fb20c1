// CancelToken: the native end of an AbortSignal. cancel() sets a flag that the engine thread polls.
#pragma once
#include <napi.h>
#include "native/binding/env_state.h"

namespace mira::binding {

class CancelToken : public Napi::ObjectWrap<CancelToken> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit CancelToken(const Napi::CallbackInfo& info);

  // The flag behind a token; a fresh one for undefined. Throws Napi::TypeError for anything else.
  static CancelFlag flag_of(Napi::Env env, Napi::Value token);

 private:
  void cancel(const Napi::CallbackInfo&) { flag_->store(true); }

  CancelFlag flag_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace mira::binding
