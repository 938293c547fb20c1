// CPU AdamW; see adamw.h. Plain loops that the compiler vectorises.
#include "native/kernels/adamw.h"
#include <algorithm>
#include <cmath>
#include <vector>
#include "native/kernels/dispatch.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/adamw.cuh"
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/sum_of_squares.cuh"
#endif

namespace mira::kernels {
namespace {

constexpr int64_t kBlock = 16384;

void check(const at::Tensor& t, int64_t count) {
  require(t.scalar_type() == at::kFloat && t.is_contiguous() && t.numel() == count, "adamw",
          "expected contiguous float32 tensors of one size");
}
void check_gradient(const at::Tensor& g, int64_t count) {
  require((g.scalar_type() == at::kFloat || g.scalar_type() == at::kBFloat16) && g.is_contiguous() && g.numel() == count,
          "adamw", "expected a contiguous float32 or bfloat16 gradient of the parameter's size");
}

}  // namespace

void adamw_(at::Tensor& p, at::Tensor& m, at::Tensor& v, const at::Tensor& g, const AdamWScalars& s) {
  const int64_t count = p.numel();
  for (const at::Tensor* t : {&p, &m, &v}) check(*t, count);
  check_gradient(g, count);
  const AdamWFactors f = adamw_factors(s);
  if (on_cuda(p, "adamw")) {
#ifdef MIRA_CUDA
    dispatch(g.scalar_type(), "adamw", [&](auto zero) {
      const auto* pg = cuda::input<decltype(zero)>(g);
      cuda::on_device_of(p, [&](cudaStream_t stream) {
        cuda::adamw(p.data_ptr<float>(), m.data_ptr<float>(), v.data_ptr<float>(), pg, count, f, stream);
      });
    });
#endif
    return;
  }
  const float b1 = f.beta1, b2 = f.beta2, eps = f.eps, keep = f.keep, scale = f.scale, rate = f.rate, root = f.root;
  float *pp = p.data_ptr<float>(), *pm = m.data_ptr<float>(), *pv = v.data_ptr<float>();
  dispatch(g.scalar_type(), "adamw", [&](auto zero) {
    const auto* pg = g.const_data_ptr<decltype(zero)>();
    at::parallel_for(0, count, kBlock, [&](int64_t begin, int64_t end) {
#pragma GCC ivdep
      for (int64_t i = begin; i < end; ++i) {
        const float grad = static_cast<float>(pg[i]) * scale;
        pm[i] = b1 * pm[i] + (1.f - b1) * grad;
        pv[i] = b2 * pv[i] + (1.f - b2) * grad * grad;
        pp[i] = pp[i] * keep - rate * pm[i] / (std::sqrt(pv[i]) * root + eps);
      }
    });
  });
}

double sum_of_squares(const at::Tensor& g) {
  check_gradient(g, g.numel());
  if (on_cuda(g, "sum_of_squares")) {
#ifdef MIRA_CUDA
    const auto wide = g.options().dtype(at::kDouble);
    const at::Tensor partial = at::empty({cuda::squares_parts(g.numel())}, wide), sum = at::empty({1}, wide);
    dispatch(g.scalar_type(), "sum_of_squares", [&](auto zero) {
      cuda::on_device_of(g, [&](cudaStream_t stream) {
        cuda::sum_of_squares(cuda::input<decltype(zero)>(g), g.numel(), partial.data_ptr<double>(),
                             sum.data_ptr<double>(), stream);
      });
    });
    return sum.item<double>();
#endif
  }
  const int64_t count = g.numel(), blocks = (count + kBlock - 1) / kBlock;
  std::vector<double> partial(blocks);
  dispatch(g.scalar_type(), "sum_of_squares", [&](auto zero) {
    const auto* pg = g.const_data_ptr<decltype(zero)>();
    at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        double total = 0;
        const int64_t last = std::min(count, (b + 1) * kBlock);
        for (int64_t i = b * kBlock; i < last; i += 256) {
          simd::Vec squares{};
          simd::for_lanes(std::min<int64_t>(256, last - i), [&](int64_t j, auto n) {
            const simd::Vec x = simd::get(pg + i + j, n);
            squares += x * x;
          });
          total += simd::sum(squares);
        }
        partial[b] = total;
      }
    });
  });
  double total = 0;
  for (double x : partial) total += x;
  return total;
}

}  // namespace mira::kernels
