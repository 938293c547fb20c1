// The row pass of a language-model loss: the target's log-probability and the entropy, the softmax of logits in
// place, and the way back. float32 logits; knows nothing of where they come from.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

// logits_CV float32 contiguous is overwritten by softmax(logits / temperature). targets_C int32.
// Fills logprob_C and, when defined, entropy_C (nats), float32 [C].
void softmax_logprob_(at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature, at::Tensor logprob_C,
                      at::Tensor entropy_C);

// probs_CV is overwritten by dL/dlogits = grad_c / temperature * (onehot(target) - probs).
void logprob_backward_(at::Tensor& probs_CV, const at::Tensor& targets_C, double temperature, const at::Tensor& grad_C);

// The two for a loss that computes its logits again on the way back: logits are read once and written once.
// logits_CV stay as they are; fills logprob_C and, when defined, entropy_C and stats_C2 = {peak, log mass}, float32.
void logprob_rows(const at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature, at::Tensor logprob_C,
                  at::Tensor entropy_C, at::Tensor stats_C2);
// dL/dlogits from logits and their stats, in the logits' memory. dtype float32: logits_CV itself; bfloat16: a view
// [C,V] of row stride 2V, for a product in bfloat16 that takes no memory of its own.
at::Tensor logprob_gradient_(at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature,
                             const at::Tensor& stats_C2, const at::Tensor& grad_C, at::ScalarType dtype);

}  // namespace mira::kernels
