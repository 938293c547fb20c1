// AdamW's elementwise update and the sum of squares its clipping needs; float32 arithmetic, in place.
#pragma once
#include <ATen/ATen.h>
#include "native/kernels/adamw_update.h"

namespace mira::kernels {

// p, m, v: contiguous float32; g: contiguous float32 or bfloat16; all of one size. Loshchilov & Hutter 2019,
// decoupled decay: p *= 1 - lr wd; m, v moving averages; p -= lr mhat / (sqrt(vhat) + eps). Devices may differ in
// the last bit here; adamw_stochastic, adamw_split and adamw_int8 are the same on all.
void adamw_(at::Tensor& p, at::Tensor& m, at::Tensor& v, const at::Tensor& g, const AdamWScalars&);
// Sum of squares of a contiguous float32 or bfloat16 tensor, gathered in float64; on one device the same for any
// number of threads.
double sum_of_squares(const at::Tensor& g);

}  // namespace mira::kernels
