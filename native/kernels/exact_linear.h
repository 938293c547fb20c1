// y = x W^T whose row t is a function of x's row t and of W alone, bit for bit, however many rows come with it.
// Promise kept by one order of summation for every shape: ascending inner index, one float32 accumulator per
// output, no split of the inner dimension. A library GEMM chooses both by shape. CPU and CUDA agree to rounding
// (tensor cores add 16 products at a time); each agrees with itself bitwise. No autograd.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

// x [T,I], w [O,I], both contiguous, float32 or bfloat16, of one dtype and device -> [T,O] in `out`: float32, or
// the inputs' dtype (rounded once). Throws std::invalid_argument for anything else.
at::Tensor exact_linear(const at::Tensor& x_TI, const at::Tensor& w_OI, at::ScalarType out);

}  // namespace mira::kernels
