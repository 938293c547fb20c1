// One element of AdamW (Loshchilov & Hutter 2019) in float32, written as explicit fused multiply-adds so that
// host and device give the same bits: there is no a * b + c left for a compiler to contract or not. Requires
// IEEE square root and division (nvcc's defaults; not -use_fast_math). Leaves storage of the state to others.
#pragma once
#include <cmath>
#include <cstdint>
#include "native/kernels/philox.h"

namespace mira::kernels {

struct AdamWScalars {
  double lr, beta1, beta2, eps, weight_decay;
  double grad_scale;  // multiplies the gradient first: the clip factor
  int64_t step;       // 1 at the first update; bias correction
};

// AdamWScalars in the form the elements use; computed in float64 on the host, once per tensor and step.
struct AdamWFactors {
  float scale;             // of the gradient: the clip factor
  float beta1, one_beta1;  // one_betaN = 1 - betaN, rounded from float64
  float beta2, one_beta2;
  float keep;              // 1 - lr * weight_decay
  float rate;              // lr / (1 - beta1^step)
  float root;              // 1 / sqrt(1 - beta2^step)
  float eps;
};

inline AdamWFactors adamw_factors(const AdamWScalars& s) {
  const double t = static_cast<double>(s.step);
  return {static_cast<float>(s.grad_scale),
          static_cast<float>(s.beta1),
          static_cast<float>(1.0 - s.beta1),
          static_cast<float>(s.beta2),
          static_cast<float>(1.0 - s.beta2),
          static_cast<float>(1.0 - s.lr * s.weight_decay),
          static_cast<float>(s.lr / (1.0 - std::pow(s.beta1, t))),
          static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(s.beta2, t))),
          static_cast<float>(s.eps)};
}

// Advances p, m, v (float32, in registers) by one step; decay is part of the same expression.
MIRA_HOST_DEVICE inline void adamw_element(float& p, float& m, float& v, float g, const AdamWFactors& f) {
  const float grad = g * f.scale;
  m = fmaf(f.one_beta1, grad, f.beta1 * m);
  v = fmaf(f.one_beta2 * grad, grad, f.beta2 * v);
  const float step = m / fmaf(sqrtf(v), f.root, f.eps);
  p = fmaf(-f.rate, step, f.keep * p);
}

}  // namespace mira::kernels
