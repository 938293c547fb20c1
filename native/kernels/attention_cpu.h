// The CPU's attention over packed sequences, behind attention.h: tensors as there, contiguous, checked by the
// caller except for the contents of offsets.
#pragma once
#include <ATen/ATen.h>
#include <tuple>

namespace mira::kernels::cpu {

// Fills *lse_TQ (float32 [T,Q]) unless null.
at::Tensor attention_forward(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                             const at::Tensor& offsets_B1, int64_t window, double scale, at::Tensor* lse_TQ);
std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_backward(
    const at::Tensor& dout_TQD, const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
    const at::Tensor& out_TQD, const at::Tensor& lse_TQ, const at::Tensor& offsets_B1, int64_t window, double scale);

}  // namespace mira::kernels::cpu
