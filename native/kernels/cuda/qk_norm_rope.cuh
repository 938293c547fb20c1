// QK-norm and rotary embedding on CUDA over the fused projection; qk_norm_rope.h is the twin and the meaning.
// S is float or Bf16, arithmetic float32; one warp per head of a token.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

struct QkNormRopeShape {
  int64_t tokens, heads, kv_heads, head_dim;
  float eps;
};

// qkv [T,(Q+2K)D], pos int32 [T], cos and sin float32 [positions, D/2] -> q [T,Q,D]; k and v of token t to row
// rows[t] of k, v [*,K,D], or to row t when rows is null; a negative row drops them.
template <class S>
void qk_norm_rope_forward(const S* qkv, const S* q_norm, const S* k_norm, const int32_t* pos, const float* cos,
                          const float* sin, const int64_t* rows, S* q, S* k, S* v, const QkNormRopeShape&,
                          cudaStream_t stream);

// dqkv [T,(Q+2K)D] and, unless partial is null, dw [2,D]: the gradients of q_norm and of k_norm, through partial
// float32 [gradient_parts(T), 2D].
template <class S>
void qk_norm_rope_backward(const S* dq, const S* dk, const S* dv, const S* qkv, const S* q_norm, const S* k_norm,
                           const int32_t* pos, const float* cos, const float* sin, S* dqkv, float* partial, S* dw,
                           const QkNormRopeShape&, cudaStream_t stream);

}  // namespace mira::kernels::cuda
