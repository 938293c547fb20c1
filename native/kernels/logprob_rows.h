// The row pass of a language-model loss: softmax of logits in place, the target's log-probability and the
// entropy, and the way back. float32 only; knows nothing of where the logits come from.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

// logits_CV float32 contiguous is overwritten by softmax(logits / temperature). targets_C int32.
// Fills logprob_C and, when defined, entropy_C (nats), float32 [C].
void softmax_logprob_(at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature, at::Tensor logprob_C,
                      at::Tensor entropy_C);

// probs_CV is overwritten by dL/dlogits = grad_c / temperature * (onehot(target) - probs).
void logprob_backward_(at::Tensor& probs_CV, const at::Tensor& targets_C, double temperature, const at::Tensor& grad_C);

}  // namespace mira::kernels
