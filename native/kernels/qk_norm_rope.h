// QK-norm and rotary embedding on the fused projection: splits qkv into q, k, v, RMS-normalises q and k per
// head, rotates them (NeoX halves), and leaves v alone. cos/sin tables are float32.
#pragma once
#include <ATen/ATen.h>
#include <tuple>

namespace mira::kernels {

struct RopeTable { at::Tensor cos_PD2, sin_PD2; };  // float32 [positions, D/2]
// Computed on the CPU wherever it is to lie, so that every device has the same table.
RopeTable make_rope_table(int64_t positions, int64_t head_dim, double theta, double factor,
                          at::Device device = at::kCPU);

// qkv_TC [T, (Q+2K)*D] -> q [T,Q,D], k [T,K,D], v [T,K,D] (fresh contiguous tensors). pos_T int32.
std::tuple<at::Tensor, at::Tensor, at::Tensor> qk_norm_rope_forward(
    const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D, const at::Tensor& pos_T,
    const RopeTable&, int64_t heads, int64_t kv_heads, double eps);
// The same for generation: k and v of token t go straight to row rows_T[t] of caches [N,K,D] (slot * ring size +
// position % ring size, say), in place; returns q [T,Q,D]. rows_T int64 on the caches' device, its rows distinct; a
// token whose row is negative is padding: its k and v are dropped. Positions and rows are checked on the CPU only.
at::Tensor qk_norm_rope_kv_forward(const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D,
                                   const at::Tensor& pos_T, const RopeTable&, int64_t heads, int64_t kv_heads,
                                   double eps, const at::Tensor& k_cache_NKD, const at::Tensor& v_cache_NKD,
                                   const at::Tensor& rows_T);
// Differentiable form.
std::tuple<at::Tensor, at::Tensor, at::Tensor> qk_norm_rope(
    const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D, const at::Tensor& pos_T,
    const RopeTable&, int64_t heads, int64_t kv_heads, double eps);

}  // namespace mira::kernels
