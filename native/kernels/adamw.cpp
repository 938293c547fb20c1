// CPU AdamW; see adamw.h. Plain loops that the compiler vectorises.
#include "native/kernels/adamw.h"
#include <cmath>
#include <vector>
#include "native/kernels/dispatch.h"

namespace mira::kernels {
namespace {

constexpr int64_t kBlock = 16384;

void check(const at::Tensor& t, int64_t count) {
  require(t.scalar_type() == at::kFloat && t.is_contiguous() && t.numel() == count, "adamw",
          "expected contiguous float32 tensors of one size");
}

}  // namespace

void adamw_(at::Tensor& p, at::Tensor& m, at::Tensor& v, const at::Tensor& g, const AdamWScalars& s) {
  const int64_t count = p.numel();
  for (const at::Tensor* t : {static_cast<const at::Tensor*>(&p), static_cast<const at::Tensor*>(&m),
                              static_cast<const at::Tensor*>(&v), &g})
    check(*t, count);
  const float b1 = static_cast<float>(s.beta1), b2 = static_cast<float>(s.beta2), eps = static_cast<float>(s.eps);
  const float keep = static_cast<float>(1.0 - s.lr * s.weight_decay), scale = static_cast<float>(s.grad_scale);
  const float rate = static_cast<float>(s.lr / (1.0 - std::pow(s.beta1, static_cast<double>(s.step))));
  const float root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(s.beta2, static_cast<double>(s.step))));
  float *pp = p.data_ptr<float>(), *pm = m.data_ptr<float>(), *pv = v.data_ptr<float>();
  const float* pg = g.const_data_ptr<float>();
  at::parallel_for(0, count, kBlock, [&](int64_t begin, int64_t end) {
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      const float grad = pg[i] * scale;
      pm[i] = b1 * pm[i] + (1.f - b1) * grad;
      pv[i] = b2 * pv[i] + (1.f - b2) * grad * grad;
      pp[i] = pp[i] * keep - rate * pm[i] / (std::sqrt(pv[i]) * root + eps);
    }
  });
}

double sum_of_squares(const at::Tensor& g) {
  check(g, g.numel());
  const int64_t count = g.numel(), blocks = (count + kBlock - 1) / kBlock;
  const float* pg = g.const_data_ptr<float>();
  std::vector<double> partial(blocks);
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
  double total = 0;
  for (double x : partial) total += x;
  return total;
}

}  // namespace mira::kernels
