// RMSNorm as Gemma does it: y = x * rsqrt(mean(x^2) + eps) * (1 + w), computed in float32, rounded once.
// Promise: forward and backward each make one pass over x; x, w are float32 or bfloat16 of one dtype.
#pragma once
#include <ATen/ATen.h>
#include <utility>

namespace mira::kernels {

// x [..., H] contiguous, w [H]. No autograd.
at::Tensor rms_norm_forward(const at::Tensor& x, const at::Tensor& w_H, double eps);
// h = residual + rms_norm(x; w_post), y = rms_norm(h; w_pre): the seam between two branches in one pass.
// Returns {h, y}. No autograd; used by generation.
std::pair<at::Tensor, at::Tensor> add_rms_norm_forward(const at::Tensor& residual, const at::Tensor& x,
                                                       const at::Tensor& w_post_H, const at::Tensor& w_pre_H,
                                                       double eps);
// Differentiable forms. rms_norm_add is residual + rms_norm(x; w).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& w_H, double eps);
at::Tensor rms_norm_add(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& w_H, double eps);
std::pair<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& residual, const at::Tensor& x,
                                               const at::Tensor& w_post_H, const at::Tensor& w_pre_H, double eps);

}  // namespace mira::kernels
