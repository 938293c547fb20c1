// Native exceptions as JavaScript errors: class, `code`, `verb`, and the stack of the call that asked.
// Codes: ERR_ABORTED, ERR_INVALID_ARGUMENT, ERR_OUT_OF_RANGE, ERR_UNSUPPORTED, ERR_OUT_OF_MEMORY, ERR_TORCH,
// ERR_CUDA_OOM, ERR_CUDA_FATAL, ERR_CUDA_UNAVAILABLE, ERR_DIST, ERR_NATIVE, or the errno's name ("ENOENT") for files.
#pragma once
#include <napi.h>
#include <exception>
#include <string>
#include <utility>

namespace mira::binding {

struct ErrorFacts {
  enum class Kind { kError, kTypeError, kRangeError, kAbortError } kind = Kind::kError;
  std::string code, message;
  bool fatal = false;  // no later call can succeed in this process
};

// Any exception but Napi::Error, on any thread. Never throws itself.
ErrorFacts describe_exception(std::exception_ptr error);

// `called_from`, an Error made when the verb was called, lends its stack frames; may be empty.
Napi::Value make_js_error(Napi::Env env, const ErrorFacts& facts, const std::string& verb,
                          Napi::Value called_from);

// Runs `body` on the JS thread and turns what it throws into a JS exception with a code.
template <typename Body>
auto guarded(Napi::Env env, const char* verb, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw Napi::Error(env,
                      make_js_error(env, describe_exception(std::current_exception()), verb, Napi::Value()));
  }
}

}  // namespace mira::binding
