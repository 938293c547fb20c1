// The sum of squares of a tensor on CUDA, gathered in float64 in a fixed order: for the norm that clips gradients.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

inline constexpr int64_t kSquaresBlock = 16384;  // elements per partial sum
constexpr int64_t squares_parts(int64_t count) { return (count + kSquaresBlock - 1) / kSquaresBlock; }

// partial float64 [squares_parts(count)]; *sum is set (0 for an empty tensor). S is float or Bf16.
template <class S>
void sum_of_squares(const S* x, int64_t count, double* partial, double* sum, cudaStream_t stream);

}  // namespace mira::kernels::cuda
