// NativeTensor: a CPU tensor whose memory JavaScript sees through one external ArrayBuffer.
// Promise: no copy; memory lives while either side holds it; dispose() detaches the buffer at once; V8 is
// told of exactly the bytes that JS keeps alive. All functions here run on the JS thread of their
// environment.
#pragma once
#include <ATen/ATen.h>
#include <napi.h>

namespace mira::binding {

// A NativeTensor for a result. The tensor should be a contiguous CPU tensor that fills its storage (see
// exportable); anything else is copied here, on the JS thread. float32, bfloat16, int32 or uint8.
Napi::Value wrap_tensor(Napi::Env env, at::Tensor tensor);

// What a verb calls on the engine thread before it delivers: the tensor, detached from autograd, contiguous
// and alone in its storage, copied only when it is not so already. An undefined tensor becomes an
// empty float32 one.
at::Tensor exportable(const at::Tensor& tensor);

// The tensor inside a NativeTensor; shares memory. Throws Napi::TypeError naming `name` when the value is
// something else or has been disposed.
at::Tensor unwrap_tensor(Napi::Value value, const char* name = "tensor");

// "float32", "bfloat16", "int32", "uint8"; throws std::invalid_argument for others.
const char* dtype_name(at::ScalarType dtype);
at::ScalarType dtype_argument(Napi::Value value, const char* name);

}  // namespace mira::binding
