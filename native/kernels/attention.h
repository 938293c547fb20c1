// Causal grouped-query attention over packed sequences with an optional sliding window: no padding, no mask
// tensor, softmax in float32. `window` counts keys including the query itself; 0 means no window.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

// q [T,Q,D], k,v [T,K,D], offsets int32 [B+1] -> [T,Q,D]. Differentiable in q, k, v.
at::Tensor varlen_attention(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                            const at::Tensor& offsets_B1, int64_t window, double scale);
// The same without autograd.
at::Tensor varlen_attention_forward(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                                    const at::Tensor& offsets_B1, int64_t window, double scale);

}  // namespace mira::kernels
