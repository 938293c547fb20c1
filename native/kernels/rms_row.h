// RMSNorm of one row, forward and backward, shared by rms_norm and qk_norm_rope. float32 arithmetic.
#pragma once
#include <cmath>
#include "native/kernels/simd.h"

namespace mira::kernels {

template <class S>
inline float row_rstd(const S* x, int64_t H, double eps) {
  simd::Vec squares{};
  simd::for_lanes(H, [&](int64_t i, auto n) {
    const simd::Vec v = simd::get(x + i, n);
    squares += v * v;
  });
  return 1.f / std::sqrt(simd::sum(squares) / static_cast<float>(H) + static_cast<float>(eps));
}

// y = x * rstd * (1 + w) (+ residual when given)
template <class S, class Out>
inline void row_norm(const S* x, const S* w, const S* residual, float rstd, Out* y, int64_t H) {
  simd::for_lanes(H, [&](int64_t i, auto n) {
    simd::Vec v = simd::get(x + i, n) * rstd * (simd::get(w + i, n) + 1.f);
    if (residual) v += simd::get(residual + i, n);
    simd::put(y + i, v, n);
  });
}

// With g = dy (1 + w) and n = x rstd: dx = rstd (g - n mean(g n)) (+ extra when given), dw += dy n.
template <class S, class G>
inline void row_norm_backward(const G* dy, const S* x, const S* w, float rstd, const S* extra, S* dx, float* dw,
                              int64_t H) {
  simd::Vec inner{};
  simd::for_lanes(H, [&](int64_t i, auto n) {
    const simd::Vec normed = simd::get(x + i, n) * rstd, d = simd::get(dy + i, n);
    inner += d * (simd::get(w + i, n) + 1.f) * normed;
    simd::put(dw + i, simd::get(dw + i, n) + d * normed, n);
  });
  const float mean = simd::sum(inner) / static_cast<float>(H);
  simd::for_lanes(H, [&](int64_t i, auto n) {
    const simd::Vec normed = simd::get(x + i, n) * rstd;
    simd::Vec v = (simd::get(dy + i, n) * (simd::get(w + i, n) + 1.f) - normed * mean) * rstd;
    if (extra) v += simd::get(extra + i, n);
    simd::put(dx + i, v, n);
  });
}

}  // namespace mira::kernels
