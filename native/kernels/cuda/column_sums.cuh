// Sums the rows of a float32 matrix by column, in a fixed order: the second half of every weight gradient.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

// A kernel that gathers a weight's gradient over many rows writes one partial sum per block; how many blocks
// depends on the number of rows alone, so that the result does not depend on the GPU.
inline constexpr int64_t kGradientParts = 512;
constexpr int64_t gradient_parts(int64_t rows) { return rows < kGradientParts ? rows : kGradientParts; }

// out[c] = sum over r of rows[r][c], rows [R,C] contiguous, rounded to S at the end. R = 0 gives zeros.
template <class S>
void column_sums(const float* rows, int64_t R, int64_t C, S* out, cudaStream_t stream);

}  // namespace mira::kernels::cuda
