// AdamW's elementwise update and the sum of squares its clipping needs; float32 arithmetic, in place.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

struct AdamWScalars {
  double lr, beta1, beta2, eps, weight_decay;
  double grad_scale;  // multiplies the gradient first: the clip factor
  int64_t step;       // 1 at the first update; bias correction
};

// p, m, v, g: contiguous float32 of one size. Loshchilov & Hutter 2019, decoupled decay:
// p *= 1 - lr wd; m, v moving averages; p -= lr mhat / (sqrt(vhat) + eps).
void adamw_(at::Tensor& p, at::Tensor& m, at::Tensor& v, const at::Tensor& g, const AdamWScalars&);
// Sum of squares of a contiguous float32 tensor, gathered in float64; the same for any number of threads.
double sum_of_squares(const at::Tensor& g);

}  // namespace mira::kernels
