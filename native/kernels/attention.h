// Causal grouped-query attention over packed sequences with an optional sliding window: no padding, no mask
// tensor, softmax in float32. `window` counts keys including the query itself; 0 means no window.
//
// On CUDA: bfloat16 runs ATen's FlashAttention-2 (head_dim up to 256, backward included; never cuDNN, whose backward
// at 256 gives NaN); float32 runs plain ATen operations sequence by sequence, for tests and small models.
#pragma once
#include <ATen/ATen.h>
#include <tuple>

namespace mira::kernels {

// q [T,Q,D], k,v [T,K,D], offsets int32 [B+1] on their device -> [T,Q,D]. Differentiable in q, k, v.
// `longest` is the largest sequence length, or an upper bound; 0: read from offsets, which waits for the device.
at::Tensor varlen_attention(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                            const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest = 0);
// The same without autograd.
at::Tensor varlen_attention_forward(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                                    const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest = 0);

// The two halves of the differentiable form, for a layer that keeps the forward's results itself.
struct AttentionForward {
  at::Tensor out_TQD;
  at::Tensor lse;            // float32 [T,Q] on the CPU, [Q,T] on CUDA: the log-sum-exp of each row's scores
  at::Tensor rng, unused;    // what the device's backward wants back; may be undefined
};
AttentionForward varlen_attention_forward_lse(const at::Tensor& q_TQD, const at::Tensor& k_TKD,
                                              const at::Tensor& v_TKD, const at::Tensor& offsets_B1, int64_t window,
                                              double scale, int64_t longest = 0);
// {dq, dk, dv} from what forward gave and took; contiguous dout [T,Q,D].
std::tuple<at::Tensor, at::Tensor, at::Tensor> varlen_attention_backward(
    const at::Tensor& dout_TQD, const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
    const AttentionForward&, const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest = 0);

}  // namespace mira::kernels
