// GeGLU on CUDA over the fused gate|up projection; geglu.h is the twin and the meaning. S is float or Bf16,
// arithmetic float32.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

// gate_up [T,2F] -> y [T,F].
template <class S>
void geglu_forward(const S* gate_up, S* y, int64_t T, int64_t F, cudaStream_t stream);
// dy [T,F], gate_up [T,2F] -> dx [T,2F]; dx may be gate_up.
template <class S>
void geglu_backward(const S* dy, const S* gate_up, S* dx, int64_t T, int64_t F, cudaStream_t stream);

}  // namespace mira::kernels::cuda
