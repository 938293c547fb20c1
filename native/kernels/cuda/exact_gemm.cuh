// y = x W^T with one order of summation for every shape; see native/kernels/exact_linear.h for the promise.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

// x [M,K], w [N,K], y [M,N] row-major, no aliases. S: float, Out: float; S: Bf16, Out: Bf16 or float.
template <class S, class Out>
void exact_gemm(const S* x, const S* w, Out* y, int64_t M, int64_t N, int64_t K, cudaStream_t stream);

}  // namespace mira::kernels::cuda
