// Which exception becomes which code. Derived classes come before their bases.
#include "native/binding/errors.h"
#include <c10/util/Exception.h>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>
#include "native/binding/engine.h"
#include "native/core/device.h"

namespace mira::binding {
namespace {

using Kind = ErrorFacts::Kind;

std::string errno_name(int number) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
  if (const char* name = strerrorname_np(number)) return name;
#endif
  return "ERR_IO";
}

// As V8 defines `stack` itself: there, but not among the keys.
void set_hidden(Napi::Object object, const char* key, const std::string& value) {
  auto attributes = static_cast<napi_property_attributes>(napi_writable | napi_configurable);
  object.DefineProperty(
      Napi::PropertyDescriptor::Value(key, Napi::String::New(object.Env(), value), attributes));
}

ErrorFacts describe_torch(const c10::Error& error) {
  std::string message = error.what_without_backtrace();
  // The CPU allocator reports exhaustion through the plain class.
  bool cpu_out_of_memory = message.find("DefaultCPUAllocator") != std::string::npos;
  return {Kind::kError, cpu_out_of_memory ? "ERR_OUT_OF_MEMORY" : "ERR_TORCH", message};
}

}  // namespace

ErrorFacts describe_exception(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Cancelled&) {
    return {Kind::kAbortError, "ERR_ABORTED", "the operation was aborted"};
  } catch (const CudaUnavailable& e) {
    return {Kind::kError, "ERR_CUDA_UNAVAILABLE", e.what()};
  } catch (const NotEnoughMemory& e) {
    return {Kind::kError, e.on_device ? "ERR_CUDA_OOM" : "ERR_OUT_OF_MEMORY", e.what()};
  } catch (const c10::OutOfMemoryError& e) {
    return {Kind::kError, "ERR_CUDA_OOM", e.what_without_backtrace()};
  } catch (const c10::AcceleratorError& e) {
    return {Kind::kError, "ERR_CUDA_FATAL",
            std::string(e.what_without_backtrace()) + "; the device context is lost, restart the process",
            true};
  } catch (const c10::DistError& e) {
    return {Kind::kError, "ERR_DIST", e.what_without_backtrace()};
  } catch (const c10::IndexError& e) {
    return {Kind::kRangeError, "ERR_OUT_OF_RANGE", e.what_without_backtrace()};
  } catch (const c10::ValueError& e) {
    return {Kind::kRangeError, "ERR_OUT_OF_RANGE", e.what_without_backtrace()};
  } catch (const c10::TypeError& e) {
    return {Kind::kTypeError, "ERR_INVALID_ARGUMENT", e.what_without_backtrace()};
  } catch (const c10::NotImplementedError& e) {
    return {Kind::kError, "ERR_UNSUPPORTED", e.what_without_backtrace()};
  } catch (const c10::Error& e) {
    return describe_torch(e);
  } catch (const std::system_error& e) {
    return {Kind::kError, errno_name(e.code().value()), e.what()};
  } catch (const std::invalid_argument& e) {
    return {Kind::kTypeError, "ERR_INVALID_ARGUMENT", e.what()};
  } catch (const std::out_of_range& e) {
    return {Kind::kRangeError, "ERR_OUT_OF_RANGE", e.what()};
  } catch (const std::bad_alloc&) {
    return {Kind::kError, "ERR_OUT_OF_MEMORY", "the host has no memory left for this operation"};
  } catch (const std::exception& e) {
    return {Kind::kError, "ERR_NATIVE", e.what()};
  } catch (...) {
    return {Kind::kError, "ERR_NATIVE", "unknown native exception"};
  }
}

Napi::Value make_js_error(Napi::Env env, const ErrorFacts& facts, const std::string& verb,
                          Napi::Value called_from) {
  napi_value code = Napi::String::New(env, facts.code), message = Napi::String::New(env, facts.message), raw;
  napi_status status = facts.kind == Kind::kTypeError    ? napi_create_type_error(env, code, message, &raw)
                       : facts.kind == Kind::kRangeError ? napi_create_range_error(env, code, message, &raw)
                                                         : napi_create_error(env, code, message, &raw);
  if (status != napi_ok) throw Napi::Error::New(env);
  Napi::Object error(env, raw);
  if (facts.kind == Kind::kAbortError) {
    set_hidden(error, "name", "AbortError");
  }
  error.Set("verb", verb);
  if (!called_from.IsEmpty() && called_from.IsObject()) {
    Napi::Value stack = called_from.As<Napi::Object>().Get("stack");
    if (stack.IsString()) {
      std::string frames = stack.As<Napi::String>();
      size_t first = frames.find("\n    at ");
      std::string name = error.Get("name").ToString();
      std::string text =
          name + ": " + facts.message + (first == std::string::npos ? "" : frames.substr(first));
      set_hidden(error, "stack", text);
    }
  }
  return error;
}

}  // namespace mira::binding
