// See cancel_token.h. The type tag is what makes unwrapping a foreign object an error and not a crash.
#include "native/binding/cancel_token.h"
#include "native/binding/args.h"

namespace mira::binding {
namespace {
constexpr napi_type_tag kTag = {0x6d6972612d63616eULL, 0x63656c2d746f6b31ULL};
}

Napi::Function CancelToken::define(Napi::Env env) {
  return DefineClass(env, "CancelToken", {InstanceMethod<&CancelToken::cancel>("cancel")});
}

CancelToken::CancelToken(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CancelToken>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

CancelFlag CancelToken::flag_of(Napi::Env env, Napi::Value token) {
  if (token.IsEmpty() || token.IsUndefined()) return std::make_shared<std::atomic<bool>>(false);
  if (!token.IsObject() || !token.As<Napi::Object>().CheckTypeTag(&kTag)) {
    throw_type_error(env, "cancel", "a CancelToken or undefined", token);
  }
  return Unwrap(token.As<Napi::Object>())->flag_;
}

}  // namespace mira::binding
