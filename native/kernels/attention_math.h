// Attention over packed sequences in plain ATen operations, one sequence at a time, on any device: slow, and exact
// in its dtype. What float32 runs on CUDA, and a second opinion for tests. Scores of one sequence exist at once.
#pragma once
#include <ATen/ATen.h>
#include <tuple>

namespace mira::kernels::math {

// {out [T,Q,D], lse float32 [Q,T]}. Waits for the device to read offsets.
std::pair<at::Tensor, at::Tensor> attention_forward(const at::Tensor& q_TQD, const at::Tensor& k_TKD,
                                                    const at::Tensor& v_TKD, const at::Tensor& offsets_B1,
                                                    int64_t window, double scale);
std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_backward(
    const at::Tensor& dout_TQD, const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
    const at::Tensor& out_TQD, const at::Tensor& lse_QT, const at::Tensor& offsets_B1, int64_t window, double scale);

}  // namespace mira::kernels::math
