// See tensor_memory.h; and the dtypes a NativeTensor may have.
#include "native/binding/tensor_memory.h"
#include <cstdlib>
#include <new>
#include <stdexcept>
#include "native/binding/args.h"
#include "native/binding/env_state.h"
#include "native/binding/tensor_wrap.h"

namespace mira::binding {
namespace {

constexpr size_t kAlignment = 64;  // a cache line and the widest vector

size_t bytes_of(at::IntArrayRef shape, at::ScalarType dtype) {
  return static_cast<size_t>(c10::multiply_integers(shape)) * c10::elementSize(dtype);
}

}  // namespace

const char* dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat: return "float32";
    case at::kBFloat16: return "bfloat16";
    case at::kInt: return "int32";
    case at::kByte: return "uint8";
    default:
      throw std::invalid_argument(
          std::string("a tensor for JavaScript must be float32, bfloat16, int32 or uint8, got ") +
          c10::toString(dtype));
  }
}

at::ScalarType dtype_argument(Napi::Value value, const char* name) {
  std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kInt, at::kByte}) {
    if (text == dtype_name(dtype)) return dtype;
  }
  throw_type_error(value.Env(), name, "'float32', 'bfloat16', 'int32' or 'uint8'", value);
}

at::Tensor exportable(const at::Tensor& tensor) {
  if (!tensor.defined()) return at::empty({0}, at::kFloat);
  at::Tensor plain = tensor.detach();
  bool alone = plain.is_contiguous() && plain.storage().nbytes() == plain.nbytes();
  return plain.device().is_cpu() && alone ? plain : plain.cpu().clone(at::MemoryFormat::Contiguous);
}

at::Tensor zeroed_memory(const std::vector<int64_t>& shape, at::ScalarType dtype) {
  size_t bytes = bytes_of(shape, dtype);
  if (bytes == 0) return at::empty(shape, dtype);
  void* memory = std::calloc(bytes + kAlignment, 1);
  if (memory == nullptr) throw std::bad_alloc();
  auto address = (reinterpret_cast<uintptr_t>(memory) + kAlignment - 1) / kAlignment * kAlignment;
  return at::from_blob(
      reinterpret_cast<void*>(address), shape, [memory](void*) { std::free(memory); },
      at::TensorOptions(dtype));
}

View view_argument(Napi::Value value, const std::string& name, const std::vector<int64_t>& shape,
                   at::ScalarType dtype) {
  Napi::Env env = value.Env();
  View view;
  napi_value buffer = nullptr;
  napi_status status = napi_ok;
  if (value.IsTypedArray()) {
    size_t length = 0;
    status = napi_get_typedarray_info(env, value, nullptr, &length, &view.data, &buffer, nullptr);
    view.bytes = value.As<Napi::TypedArray>().ByteLength();
  } else if (value.IsDataView()) {
    status = napi_get_dataview_info(env, value, &view.bytes, &view.data, &buffer, nullptr);
  } else {
    throw_type_error(env, name, "a typed array or DataView", value);
  }
  if (status != napi_ok) throw Napi::Error::New(env);
  view.array_buffer = Napi::Value(env, buffer);
  size_t expected = bytes_of(shape, dtype);
  if (view.bytes != expected) {
    throw_range_error(env, name + ": expected " + std::to_string(expected) + " bytes for this shape of " +
                               dtype_name(dtype) + ", got " + std::to_string(view.bytes));
  }
  return view;
}

void check_borrowable(const View& view, const std::string& name, at::ScalarType dtype) {
  Napi::Env env = view.array_buffer.Env();
  if (!view.array_buffer.IsArrayBuffer()) {
    throw_type_error(env, name, "a view of an ArrayBuffer (shared memory can only be copied)",
                     view.array_buffer);
  }
  Napi::Value resizable = view.array_buffer.As<Napi::Object>().Get("resizable");
  if (resizable.IsBoolean() && resizable.As<Napi::Boolean>()) {
    throw_type_error(env, name, "a buffer of fixed length (a resizable one may move under the tensor)",
                     view.array_buffer);
  }
  size_t size = c10::elementSize(dtype);
  if (reinterpret_cast<uintptr_t>(view.data) % size != 0) {
    throw_range_error(env, name + ": expected an address that is a multiple of " + std::to_string(size) +
                               "; copy the bytes into a buffer of their own");
  }
}

at::Tensor borrow_memory(Napi::Env env, Napi::Value array_buffer, void* data, at::IntArrayRef shape,
                         at::ScalarType dtype) {
  if (c10::multiply_integers(shape) == 0) return at::empty(shape, dtype);
  napi_ref reference = nullptr;
  if (napi_create_reference(env, array_buffer, 1, &reference) != napi_ok) throw Napi::Error::New(env);
  // The last view may die on the engine thread, where a reference may not be touched: send it home. If the
  // environment has closed, it has dropped all of its references already.
  auto release = [reference, state = EnvState::of(env)](void*) {
    state->post([reference](Napi::Env home) { napi_delete_reference(home, reference); });
  };
  return at::from_blob(data, shape, std::move(release), at::TensorOptions(dtype));
}

}  // namespace mira::binding
