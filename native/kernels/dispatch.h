// What every kernel checks before it touches memory, and the choice of element type by dtype.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <stdexcept>
#include <string>
#include "native/kernels/simd.h"

namespace mira::kernels {

// Calls f with a value of the element type; throws for anything but float32 and bfloat16.
template <class F>
auto dispatch(at::ScalarType dtype, const char* kernel, F&& f) {
  if (dtype == at::kFloat) return f(float{});
  if (dtype == at::kBFloat16) return f(c10::BFloat16{});
  throw std::invalid_argument(std::string(kernel) + ": expected float32 or bfloat16, got " + c10::toString(dtype));
}

inline void require(bool ok, const char* kernel, const char* sentence) {
  if (!ok) throw std::invalid_argument(std::string(kernel) + ": " + sentence);
}

// Whether a kernel runs on CUDA for this tensor; throws when this build or the kernel cannot serve its device.
inline bool on_cuda(const at::Tensor& t, const char* kernel) {
  if (t.is_cpu()) return false;
  if (!t.is_cuda()) throw std::invalid_argument(std::string(kernel) + ": expected a tensor on cpu or cuda, got " + t.device().str());
#ifdef MIRA_CUDA
  return true;
#else
  throw std::invalid_argument(std::string(kernel) + ": expected a tensor on cpu, got " + t.device().str() +
                              "; this addon was built without CUDA kernels (run `npm run setup` where nvcc is installed)");
#endif
}

// Rows per task so that a task is worth waking a thread for (~16k elements).
inline int64_t grain(int64_t row_elements) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, row_elements)); }

// One float32 row of `width` per thread, zeroed: where a backward pass gathers a weight's gradient.
inline at::Tensor per_thread_rows(int64_t width) {
  return at::zeros({at::get_num_threads(), width}, at::kFloat);
}

}  // namespace mira::kernels
