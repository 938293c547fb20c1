// Logits in float32 from hidden states in the weights' dtype, without a float32 copy of the embedding matrix.
#pragma once
#include <ATen/ATen.h>

namespace mira {

// hidden [n,H], embedding [V,H] of one dtype and device -> float32 [n,V], products summed in float32. No autograd.
at::Tensor lm_head(const at::Tensor& hidden_nH, const at::Tensor& embed_VH);

}  // namespace mira
