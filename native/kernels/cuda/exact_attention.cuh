// Attention whose result for a query depends on nothing but the query and its keys in their order; see
// native/kernels/exact_attention.h for the promise.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

// Device arrays [T]; key j of count[t] lies in row start[t] + (first[t] + j) mod capacity (0: no ring).
struct ExactKeys {
  const int32_t *start, *first, *count;
  int64_t capacity;
};

// q, out [T,Q,D], k, v [N,K,D]; Q a multiple of K, D at most 256. Throws std::invalid_argument for a larger D.
template <class S>
void exact_attention(const S* q, const S* k, const S* v, const ExactKeys&, S* out, int64_t T, int64_t Q, int64_t K,
                     int64_t D, float scale, cudaStream_t stream);

}  // namespace mira::kernels::cuda
