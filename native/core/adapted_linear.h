// A linear layer with low-rank adapters as one autograd node: y = x W^T + scale (x A^T) B^T, added in place, nothing
// the size of y beside y. Keeps x for backward only when a weight or adapter wants a gradient of it: with a frozen
// W and no adapters it keeps nothing of the input.
#pragma once
#include <ATen/ATen.h>
#include <vector>
#include "native/core/role.h"

namespace mira {

// Adapters of consecutive column blocks of y: pairs[i] adapts the next widths[i] columns, or none of them when it is
// undefined. Both lists empty: a plain linear.
struct Adapters {
  std::vector<const LoraPair*> pairs;
  std::vector<int64_t> widths;
  double scale = 1.0;
};

// x [T,I], w [O,I] -> [T,O], differentiable in x, w and the adapters. With `value` defined that is the result (what an
// earlier run of the same gave) and forward computes nothing. Adapters' gradients keep the adapters' dtype.
at::Tensor adapted_linear(const at::Tensor& x_TI, const at::Tensor& w_OI, const Adapters&,
                          const at::Tensor& value = {});

}  // namespace mira
