// CPU twin of the batch-invariant product on the row kernels, and dispatch; see exact_linear.h.
#include "native/kernels/exact_linear.h"
#include <algorithm>
#include <vector>
#include "native/kernels/dispatch.h"
#include "native/kernels/row_kernels.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/exact_gemm.cuh"
#endif

namespace mira::kernels {
namespace {

// A panel of 64 weight rows is turned once and serves all rows of x.
template <class S>
void panels(const S* x, const S* w, float* y, int64_t T, int64_t O, int64_t I, int64_t begin, int64_t end) {
  std::vector<float> panel(static_cast<size_t>(I * kPanel)), wide;
  const float* rows = nullptr;
  if constexpr (std::is_same_v<S, float>) {
    rows = x;
  } else {
    wide.assign(x, x + T * I);
    rows = wide.data();
  }
  for (int64_t p = begin; p < end; ++p) {
    const int64_t from = p * kPanel, cols = std::min(kPanel, O - from);
    for (int64_t k = 0; k < I; ++k)
      for (int64_t c = 0; c < kPanel; ++c)
        panel[k * kPanel + c] = c < cols ? static_cast<float>(w[(from + c) * I + k]) : 0.f;
    row_kernels().gemm_f32(rows, I, T, I, panel.data(), y + from, O, cols);
  }
}

#ifdef MIRA_CUDA
at::Tensor on_device(const at::Tensor& x, const at::Tensor& w, at::ScalarType out) {
  at::Tensor y = at::empty({x.size(0), w.size(0)}, x.options().dtype(out));
  const int64_t T = x.size(0), O = w.size(0), I = x.size(1);
  cuda::on_device_of(x, [&](cudaStream_t stream) {
    using cuda::input, cuda::output;
    if (x.scalar_type() == at::kFloat)
      cuda::exact_gemm(input<float>(x), input<float>(w), output<float>(y), T, O, I, stream);
    else if (out == at::kFloat)
      cuda::exact_gemm(input<c10::BFloat16>(x), input<c10::BFloat16>(w), output<float>(y), T, O, I, stream);
    else
      cuda::exact_gemm(input<c10::BFloat16>(x), input<c10::BFloat16>(w), output<c10::BFloat16>(y), T, O, I, stream);
  });
  return y;
}
#endif

}  // namespace

at::Tensor exact_linear(const at::Tensor& x_TI, const at::Tensor& w_OI, at::ScalarType out) {
  const char* name = "exact_linear";
  require(x_TI.dim() == 2 && w_OI.dim() == 2 && x_TI.size(1) == w_OI.size(1), name, "expected x [T,I] and w [O,I]");
  require(x_TI.is_contiguous() && w_OI.is_contiguous(), name, "expected contiguous x and w");
  const bool supported = x_TI.scalar_type() == at::kFloat || x_TI.scalar_type() == at::kBFloat16;
  require(supported && x_TI.scalar_type() == w_OI.scalar_type() && x_TI.device() == w_OI.device(), name,
          "expected float32 or bfloat16 x and w, of one dtype and device");
  require(out == at::kFloat || out == x_TI.scalar_type(), name, "expected a float32 result or one in the inputs' dtype");
#ifdef MIRA_CUDA
  if (x_TI.is_cuda()) return on_device(x_TI, w_OI, out);
#endif
  const int64_t T = x_TI.size(0), O = w_OI.size(0), I = x_TI.size(1);
  at::Tensor y_TO = at::empty({T, O}, x_TI.options().dtype(at::kFloat));
  dispatch(x_TI.scalar_type(), name, [&](auto zero) {
    using S = decltype(zero);
    const S *x = x_TI.const_data_ptr<S>(), *w = w_OI.const_data_ptr<S>();
    float* y = y_TO.data_ptr<float>();
    at::parallel_for(0, T > 0 ? panels_of(O) : 0, grain(std::max<int64_t>(1, T) * I),
                     [&](int64_t begin, int64_t end) { panels(x, w, y, T, O, I, begin, end); });
  });
  return y_TO.to(out);
}

}  // namespace mira::kernels
