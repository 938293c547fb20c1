// Draws one token per row of logits on CUDA; sample_rows.h is the meaning. Every argument is read on the device, and
// nothing is allocated, so a captured graph can replay the launch.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

inline constexpr int64_t kMostVocab = int64_t{1} << 19;  // beyond it a row's integer mass could overflow

struct SamplerRows {  // each of [n]
  const double* temperature;
  const int32_t* top_k;
  const double* top_p;
  const int64_t *seed, *position;
  int32_t* id;
  float *logprob, *sampling_logprob;
};

// logits float32 [n,V], V at most kMostVocab.
void sample(const float* logits, const SamplerRows&, int64_t n, int64_t V, cudaStream_t stream);

}  // namespace mira::kernels::cuda
