// See tensor_wrap.h. Two objects share one storage: the NativeTensor handle and, once buffer() was called, a
// Lease that V8 frees after the ArrayBuffer. dispose() empties both.
#include "native/binding/tensor_wrap.h"
#include <cstring>
#include <memory>
#include "native/binding/args.h"
#include "native/binding/env_state.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/binding/tensor_memory.h"

namespace mira::binding {
namespace {

constexpr napi_type_tag kTensorTag = {0x6d6972612d74656eULL, 0x736f722d68616e64ULL};

// What an ArrayBuffer of ours keeps alive. Freed on the JS thread, by Node, after the buffer is gone.
struct Lease {
  at::Tensor tensor;
  std::shared_ptr<EnvState> state;
  int64_t bytes = 0;

  void end() {
    if (!tensor.defined()) return;
    tensor = at::Tensor();
    state->external_bytes -= bytes;
  }
};

class NativeTensor : public Napi::ObjectWrap<NativeTensor> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeTensor",
        {InstanceAccessor<&NativeTensor::shape>("shape"), InstanceAccessor<&NativeTensor::dtype>("dtype"),
         InstanceAccessor<&NativeTensor::bytes>("bytes"),
         InstanceAccessor<&NativeTensor::is_disposed>("disposed"),
         InstanceMethod<&NativeTensor::buffer>("buffer"), InstanceMethod<&NativeTensor::dispose>("dispose")});
  }

  explicit NativeTensor(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeTensor>(info) {
    info.This().As<Napi::Object>().TypeTag(&kTensorTag);
    state_ = EnvState::of(info.Env());
    // Reached with an External only from adopt(); `new handle.constructor()` from JS has nothing to hold.
    if (!info[0].IsExternal())
      throw_type_error(info.Env(), "NativeTensor", "to be made by createTensor", info[0]);
  }
  ~NativeTensor() override { report(0); }

  static Napi::Value adopt(Napi::Env env, at::Tensor tensor, bool owned) {
    auto& constructor = env.GetInstanceData<Instance>()->tensor_class;
    Napi::Object object = constructor.New({Napi::External<void>::New(env, &constructor)});
    NativeTensor* self = Unwrap(object);
    self->tensor_ = std::move(tensor);
    if (owned) self->report(static_cast<int64_t>(self->tensor_.nbytes()));
    return object;
  }

  const at::Tensor& tensor() const { return tensor_; }

 private:
  const at::Tensor& alive(Napi::Env env) const {
    if (tensor_.defined()) return tensor_;
    Napi::Error error =
        Napi::Error::New(env, "the tensor was disposed; keep it until its data is no longer needed");
    error.Set("code", Napi::String::New(env, "ERR_DISPOSED"));
    throw error;
  }

  Napi::Value shape(const Napi::CallbackInfo& info) {
    at::IntArrayRef sizes = alive(info.Env()).sizes();
    Napi::Array shape = Napi::Array::New(info.Env(), sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i)
      shape.Set(static_cast<uint32_t>(i), static_cast<double>(sizes[i]));
    return shape;
  }
  Napi::Value dtype(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), dtype_name(alive(info.Env()).scalar_type()));
  }
  Napi::Value bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), tensor_.defined() ? static_cast<double>(tensor_.nbytes()) : 0);
  }
  Napi::Value is_disposed(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), !tensor_.defined());
  }

  Napi::Value buffer(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    alive(env);
    if (buffer_.IsEmpty()) buffer_ = Napi::Persistent(make_buffer(env));
    return buffer_.Value();
  }

  Napi::ArrayBuffer make_buffer(Napi::Env env) {
    size_t bytes = tensor_.nbytes();
    // Asking Node for more frees the memory twice instead of failing cleanly (Node 20).
    if (static_cast<double>(bytes) > state_->max_array_buffer) {
      throw_range_error(env, "buffer: the tensor has " + std::to_string(bytes) +
                                 " bytes but an ArrayBuffer of this Node holds " +
                                 std::to_string(static_cast<uint64_t>(state_->max_array_buffer)) +
                                 " at most; split the tensor or read it in parts");
    }
    if (bytes == 0) return Napi::ArrayBuffer::New(env, 0);
    if (state_->external_buffers_allowed) {
      lease_ = new Lease{tensor_, state_, static_cast<int64_t>(bytes)};
      napi_value raw = nullptr;
      napi_status status =
          napi_create_external_arraybuffer(env, tensor_.data_ptr(), bytes, release_lease, lease_, &raw);
      if (status == napi_ok) {
        state_->external_bytes += lease_->bytes;
        report(0);  // from here V8 counts these bytes itself, as the buffer's
        return Napi::ArrayBuffer(env, raw);
      }
      delete std::exchange(lease_, nullptr);
      if (status != napi_no_external_buffers_allowed) throw Napi::Error::New(env);
      state_->external_buffers_allowed = false;
    }
    // Electron's memory cage: the memory has to be V8's own, so the tensor moves into it.
    Napi::ArrayBuffer inside = Napi::ArrayBuffer::New(env, bytes);
    std::memcpy(inside.Data(), tensor_.data_ptr(), bytes);
    tensor_ = borrow_memory(env, inside, inside.Data(), tensor_.sizes(), tensor_.scalar_type());
    report(0);
    return inside;
  }

  static void release_lease(napi_env, void*, void* hint) {
    auto* lease = static_cast<Lease*>(hint);
    lease->end();
    delete lease;
  }

  void dispose(const Napi::CallbackInfo& info) {
    if (!tensor_.defined()) return;
    if (!buffer_.IsEmpty()) {
      napi_status status = napi_detach_arraybuffer(info.Env(), buffer_.Value());
      if (status != napi_ok) throw Napi::Error::New(info.Env());
      buffer_.Reset();
      if (lease_ != nullptr)
        lease_->end();  // nothing can reach the memory now; the Lease itself is Node's to free
      lease_ = nullptr;
    }
    tensor_ = at::Tensor();
    report(0);
  }

  // Tells V8 of the bytes that this handle, and no ArrayBuffer, keeps alive.
  void report(int64_t bytes) {
    if (bytes == reported_) return;
    int64_t total = 0;
    napi_adjust_external_memory(Env(), bytes - reported_, &total);
    reported_ = bytes;
  }

  at::Tensor tensor_;
  std::shared_ptr<EnvState> state_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  Lease* lease_ = nullptr;  // valid while buffer_ holds the buffer
  int64_t reported_ = 0;
};

Napi::Value create_tensor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, "createTensor", [&] {
    at::ScalarType dtype = dtype_argument(info[0], "dtype");
    std::vector<int64_t> shape = shape_argument(info[1], "shape");
    if (missing(info[2])) return NativeTensor::adopt(env, zeroed_memory(shape, dtype), true);
    View view = view_argument(info[2], "data", shape, dtype);
    at::Tensor tensor = at::empty(shape, dtype);
    if (view.bytes > 0) std::memcpy(tensor.data_ptr(), view.data, view.bytes);
    return NativeTensor::adopt(env, std::move(tensor), true);
  });
}

Napi::Value borrow_tensor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, "borrowTensor", [&] {
    at::ScalarType dtype = dtype_argument(info[0], "dtype");
    std::vector<int64_t> shape = shape_argument(info[1], "shape");
    View view = view_argument(info[2], "data", shape, dtype);
    check_borrowable(view, "data", dtype);
    return NativeTensor::adopt(env, borrow_memory(env, view.array_buffer, view.data, shape, dtype), false);
  });
}

}  // namespace

Napi::Value wrap_tensor(Napi::Env env, at::Tensor tensor) {
  dtype_name(tensor.scalar_type());
  return NativeTensor::adopt(env, exportable(tensor), true);
}

at::Tensor unwrap_tensor(Napi::Value value, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTensorTag)) {
    throw_type_error(value.Env(), name, "a NativeTensor", value);
  }
  const at::Tensor& tensor = NativeTensor::Unwrap(value.As<Napi::Object>())->tensor();
  if (!tensor.defined()) {
    Napi::Error error = Napi::Error::New(value.Env(), std::string(name) + ": the tensor was disposed");
    error.Set("code", Napi::String::New(value.Env(), "ERR_DISPOSED"));
    throw error;
  }
  return tensor;
}

void init_tensor(Napi::Env env, Napi::Object exports) {
  env.GetInstanceData<Instance>()->tensor_class = Napi::Persistent(NativeTensor::define(env));
  exports.Set("createTensor", Napi::Function::New(env, create_tensor, "createTensor"));
  exports.Set("borrowTensor", Napi::Function::New(env, borrow_tensor, "borrowTensor"));
  exports.Set("externalBytes", Napi::Function::New(
                                   env,
                                   [](const Napi::CallbackInfo& call) -> Napi::Value {
                                     return Napi::Number::New(
                                         call.Env(),
                                         static_cast<double>(EnvState::of(call.Env())->external_bytes));
                                   },
                                   "externalBytes"));
}

}  // namespace mira::binding
