// Chooses the attention of a device and wraps it for autograd; see attention.h.
#include "native/kernels/attention.h"
#include <torch/csrc/autograd/custom_function.h>
#include "native/kernels/attention_cpu.h"
#include "native/kernels/attention_math.h"
#include "native/kernels/dispatch.h"
#ifdef MIRA_CUDA
#include <c10/cuda/CUDAGuard.h>
#include "native/kernels/cuda/flash.h"
#endif

namespace mira::kernels {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

void check(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& offsets, int64_t window) {
  const char* name = "varlen_attention";
  require(q.dim() == 3 && k.dim() == 3 && v.sizes() == k.sizes(), name, "expected q [T,Q,D] and k, v [T,K,D]");
  require(q.size(0) == k.size(0) && q.size(2) == k.size(2), name, "expected q and k of one T and D");
  require(k.size(1) > 0 && q.size(1) % k.size(1) == 0, name, "expected Q to be a multiple of K");
  require(q.is_contiguous() && k.is_contiguous() && v.is_contiguous(), name, "expected contiguous q, k, v");
  require(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), name, "expected q, k, v of one dtype");
  require(q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16, name, "expected float32 or bfloat16");
  require(offsets.scalar_type() == at::kInt && offsets.dim() == 1 && offsets.numel() >= 1 && offsets.is_contiguous(),
          name, "expected int32 offsets [B+1]");
  require(k.device() == q.device() && v.device() == q.device() && offsets.device() == q.device(), name,
          "expected q, k, v and offsets on one device");
  require(window >= 0, name, "expected window >= 0");
}

bool runs_flash(const at::Tensor& q) { return q.is_cuda() && q.scalar_type() == at::kBFloat16; }

#ifdef MIRA_CUDA
cuda::FlashShape flash_shape(const at::Tensor& q, const at::Tensor& offsets, int64_t window, double scale,
                             int64_t longest) {
  require(q.size(2) % 8 == 0 && q.size(2) <= 256, "varlen_attention",
          "expected a head dimension that is a multiple of 8 and at most 256 for bfloat16 on CUDA");
  if (longest == 0) longest = offsets.diff().max().item<int32_t>();
  return {offsets, offsets, longest, longest, true, window, scale, std::nullopt};
}
#endif

AttentionForward forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& offsets,
                         int64_t window, double scale, int64_t longest, bool with_lse) {
  check(q, k, v, offsets, window);
  if (q.is_cpu()) {
    at::Tensor lse_TQ;
    const at::Tensor out = cpu::attention_forward(q, k, v, offsets, window, scale, with_lse ? &lse_TQ : nullptr);
    return {out, lse_TQ, {}, {}};
  }
  if (q.numel() == 0)
    return {at::empty_like(q), at::empty({q.size(1), q.size(0)}, q.options().dtype(at::kFloat)), {}, {}};
  if (!runs_flash(q)) {
    auto [out, lse] = math::attention_forward(q, k, v, offsets, window, scale);
    return {out, lse, {}, {}};
  }
#ifdef MIRA_CUDA
  const c10::cuda::CUDAGuard guard(q.device());
  auto [out, lse, rng, unused] = cuda::flash_forward(q, k, v, flash_shape(q, offsets, window, scale, longest));
  return {out, lse, rng, unused};
#else
  throw std::invalid_argument("varlen_attention: this build has no CUDA half.");
#endif
}

struct VarlenAttention : Function<VarlenAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q_TQD, const at::Tensor& k_TKD,
                            const at::Tensor& v_TKD, const at::Tensor& offsets_B1, int64_t window, double scale,
                            int64_t longest) {
    const AttentionForward f = kernels::forward(q_TQD, k_TKD, v_TKD, offsets_B1, window, scale, longest, true);
    ctx->save_for_backward({q_TQD, k_TKD, v_TKD, offsets_B1, f.out_TQD, f.lse, f.rng, f.unused});
    ctx->saved_data["window"] = window;
    ctx->saved_data["scale"] = scale;
    ctx->saved_data["longest"] = longest;
    return f.out_TQD;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto s = ctx->get_saved_variables();
    auto [dq, dk, dv] = varlen_attention_backward(
        grads[0].contiguous(), s[0], s[1], s[2], {s[4], s[5], s[6], s[7]}, s[3], ctx->saved_data["window"].toInt(),
        ctx->saved_data["scale"].toDouble(), ctx->saved_data["longest"].toInt());
    return {dq, dk, dv, {}, {}, {}, {}};
  }
};

}  // namespace

AttentionForward varlen_attention_forward_lse(const at::Tensor& q_TQD, const at::Tensor& k_TKD,
                                              const at::Tensor& v_TKD, const at::Tensor& offsets_B1, int64_t window,
                                              double scale, int64_t longest) {
  at::NoGradGuard no_grad;
  return forward(q_TQD, k_TKD, v_TKD, offsets_B1, window, scale, longest, true);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> varlen_attention_backward(
    const at::Tensor& dout_TQD, const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
    const AttentionForward& f, const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest) {
  at::NoGradGuard no_grad;
  check(q_TQD, k_TKD, v_TKD, offsets_B1, window);
  require(dout_TQD.sizes() == q_TQD.sizes() && dout_TQD.is_contiguous() && f.lse.defined(), "varlen_attention",
          "expected a contiguous gradient of q's shape and the forward's log-sum-exp");
  if (q_TQD.is_cpu())
    return cpu::attention_backward(dout_TQD, q_TQD, k_TKD, v_TKD, f.out_TQD, f.lse, offsets_B1, window, scale);
  if (q_TQD.numel() == 0) return {at::empty_like(q_TQD), at::empty_like(k_TKD), at::empty_like(v_TKD)};
  if (!runs_flash(q_TQD))
    return math::attention_backward(dout_TQD, q_TQD, k_TKD, v_TKD, f.out_TQD, f.lse, offsets_B1, window, scale);
#ifdef MIRA_CUDA
  const c10::cuda::CUDAGuard guard(q_TQD.device());
  return cuda::flash_backward(dout_TQD, q_TQD, k_TKD, v_TKD, {f.out_TQD, f.lse, f.rng, f.unused},
                              flash_shape(q_TQD, offsets_B1, window, scale, longest));
#else
  throw std::invalid_argument("varlen_attention: this build has no CUDA half.");
#endif
}

at::Tensor varlen_attention_forward(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                                    const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest) {
  at::NoGradGuard no_grad;
  return forward(q_TQD, k_TKD, v_TKD, offsets_B1, window, scale, longest, false).out_TQD;
}

at::Tensor varlen_attention(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
                            const at::Tensor& offsets_B1, int64_t window, double scale, int64_t longest) {
  return VarlenAttention::apply(q_TQD.contiguous(), k_TKD.contiguous(), v_TKD.contiguous(), offsets_B1, window, scale,
                                longest);
}

}  // namespace mira::kernels
