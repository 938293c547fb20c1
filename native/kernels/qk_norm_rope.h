// QK-norm and rotary embedding on the fused projection: splits qkv into q, k, v, RMS-normalises q and k per
// head, rotates them (NeoX halves), and leaves v alone. cos/sin tables are float32.
#pragma once
#include <ATen/ATen.h>
#include <tuple>

namespace mira::kernels {

struct RopeTable { at::Tensor cos_PD2, sin_PD2; };  // float32 [positions, D/2]
RopeTable make_rope_table(int64_t positions, int64_t head_dim, double theta, double factor);

// qkv_TC [T, (Q+2K)*D] -> q [T,Q,D], k [T,K,D], v [T,K,D] (fresh contiguous tensors). pos_T int32.
std::tuple<at::Tensor, at::Tensor, at::Tensor> qk_norm_rope_forward(
    const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D, const at::Tensor& pos_T,
    const RopeTable&, int64_t heads, int64_t kv_heads, double eps);
// Differentiable form.
std::tuple<at::Tensor, at::Tensor, at::Tensor> qk_norm_rope(
    const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D, const at::Tensor& pos_T,
    const RopeTable&, int64_t heads, int64_t kv_heads, double eps);

}  // namespace mira::kernels
