// GeGLU; see geglu.h. The CPU's loops are here, CUDA's in cuda/geglu.cu. gelu_tanh(g) = g sigmoid(2u) with u = sqrt(2/pi) (g + 0.044715 g^3).
#include "native/kernels/geglu.h"
#include <torch/csrc/autograd/custom_function.h>
#include "native/kernels/dispatch.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/geglu.cuh"
#endif

namespace mira::kernels {
namespace {

using simd::Vec;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr float kTwoRoot = 1.5957691216057308f;  // 2 sqrt(2/pi)
constexpr float kCubic = 0.044715f;

inline Vec sigmoid_2u(Vec g) { return 1.f / (1.f + simd::exp(-(g * kTwoRoot * (1.f + g * g * kCubic)))); }

void check(const at::Tensor& gate_up_T2F) {
  require(gate_up_T2F.dim() == 2 && gate_up_T2F.size(1) % 2 == 0 && gate_up_T2F.is_contiguous(), "geglu",
          "expected a contiguous [T,2F] gate|up");
}

struct Geglu : Function<Geglu> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_up_T2F) {
    ctx->save_for_backward({gate_up_T2F});
    return geglu_forward(gate_up_T2F);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor gate_up = ctx->get_saved_variables()[0], dy = grads[0].contiguous();
    const int64_t T = gate_up.size(0), F = gate_up.size(1) / 2;
    at::Tensor dx = at::empty_like(gate_up);
    if (on_cuda(gate_up, "geglu")) {
#ifdef MIRA_CUDA
      dispatch(gate_up.scalar_type(), "geglu", [&](auto zero) {
        using S = decltype(zero);
        cuda::on_device_of(gate_up, [&](cudaStream_t stream) {
          cuda::geglu_backward(cuda::input<S>(dy), cuda::input<S>(gate_up), cuda::output<S>(dx), T, F, stream);
        });
      });
#endif
      return {dx};
    }
    dispatch(gate_up.scalar_type(), "geglu", [&](auto zero) {
      using S = decltype(zero);
      const S *px = gate_up.const_data_ptr<S>(), *pd = dy.const_data_ptr<S>();
      S* pdx = dx.data_ptr<S>();
      at::parallel_for(0, T, grain(F), [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t)
          simd::for_lanes(F, [&](int64_t i, auto n) {
            const int64_t gate = t * 2 * F + i, up = gate + F;
            const Vec g = simd::get(px + gate, n), d = simd::get(pd + t * F + i, n);
            const Vec s = sigmoid_2u(g);
            // d/dg [g s(2u)] = s + g s (1 - s) 2u', 2u' = 2 sqrt(2/pi) (1 + 3 * 0.044715 g^2)
            const Vec slope = s + g * s * (1.f - s) * (kTwoRoot * (1.f + g * g * (3.f * kCubic)));
            simd::put(pdx + gate, d * simd::get(px + up, n) * slope, n);
            simd::put(pdx + up, d * g * s, n);
          });
      });
    });
    return {dx};
  }
};

}  // namespace

at::Tensor geglu_forward(const at::Tensor& gate_up_T2F) {
  at::NoGradGuard no_grad;
  check(gate_up_T2F);
  const int64_t T = gate_up_T2F.size(0), F = gate_up_T2F.size(1) / 2;
  at::Tensor y = at::empty({T, F}, gate_up_T2F.options());
  if (on_cuda(gate_up_T2F, "geglu")) {
#ifdef MIRA_CUDA
    dispatch(gate_up_T2F.scalar_type(), "geglu", [&](auto zero) {
      using S = decltype(zero);
      cuda::on_device_of(gate_up_T2F, [&](cudaStream_t stream) {
        cuda::geglu_forward(cuda::input<S>(gate_up_T2F), cuda::output<S>(y), T, F, stream);
      });
    });
#endif
    return y;
  }
  dispatch(gate_up_T2F.scalar_type(), "geglu", [&](auto zero) {
    using S = decltype(zero);
    const S* px = gate_up_T2F.const_data_ptr<S>();
    S* py = y.data_ptr<S>();
    at::parallel_for(0, T, grain(F), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t)
        simd::for_lanes(F, [&](int64_t i, auto n) {
          const Vec g = simd::get(px + t * 2 * F + i, n);
          simd::put(py + t * F + i, g * sigmoid_2u(g) * simd::get(px + t * 2 * F + F + i, n), n);
        });
    });
  });
  return y;
}

at::Tensor geglu(const at::Tensor& gate_up_T2F) {
  check(gate_up_T2F);
  return Geglu::apply(gate_up_T2F);
}

}  // namespace mira::kernels
