// The bridge from ATen to the launchers: typed pointers of tensors, and a call on a tensor's device and current
// stream whose launch error becomes c10's exception. Included by native/kernels/*.cpp, and only with MIRA_CUDA.
#pragma once
#include <ATen/ATen.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <type_traits>
#include <utility>
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

template <class S>
using Element = std::conditional_t<std::is_same_v<S, c10::BFloat16>, Bf16, S>;

// Null for an undefined tensor.
template <class S>
const Element<S>* input(const at::Tensor& t) {
  return t.defined() ? reinterpret_cast<const Element<S>*>(t.const_data_ptr<S>()) : nullptr;
}
template <class S>
Element<S>* output(const at::Tensor& t) {
  return t.defined() ? reinterpret_cast<Element<S>*>(t.data_ptr<S>()) : nullptr;
}

// f(stream) with t's device current.
template <class F>
void on_device_of(const at::Tensor& t, F&& f) {
  const c10::cuda::CUDAGuard guard(t.device());
  std::forward<F>(f)(c10::cuda::getCurrentCUDAStream().stream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace mira::kernels::cuda
