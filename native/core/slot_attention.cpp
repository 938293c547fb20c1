// FlashAttention over slots on CUDA, its plain twin elsewhere; see slot_attention.h.
#include "native/core/slot_attention.h"
#include <limits>
#ifdef MIRA_CUDA
#include "native/kernels/cuda/flash.h"
#endif

namespace mira {
namespace {

// One sequence: q [t,Q,D], k, v [n,K,D] -> [t,Q,D].
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, int64_t window,
                  double scale) {
  const int64_t t = q.size(0), Q = q.size(1), D = q.size(2), n = k.size(0), K = k.size(1);
  const at::Tensor q_KGtD = q.to(at::kFloat).mul(scale).view({t, K, Q / K, D}).permute({1, 2, 0, 3});
  const at::Tensor k_K1Dn = k.to(at::kFloat).permute({1, 2, 0}).unsqueeze(1);
  at::Tensor scores_KGtn = at::matmul(q_KGtD, k_K1Dn);
  if (causal) {
    const auto options = q.options().dtype(at::kLong);
    // How far each key lies before its query; the last query and the last key are level.
    const at::Tensor back_tn = at::arange(n - t, n, options).unsqueeze(1).sub(at::arange(n, options));
    at::Tensor hidden_tn = back_tn.lt(0);
    if (window > 0) hidden_tn.logical_or_(back_tn.ge(window));
    scores_KGtn.masked_fill_(hidden_tn, -std::numeric_limits<float>::infinity());
  }
  const at::Tensor v_K1nD = v.to(at::kFloat).permute({1, 0, 2}).unsqueeze(1);
  const at::Tensor mixed_KGtD = at::matmul(scores_KGtn.softmax(-1), v_K1nD);
  return mixed_KGtD.permute({2, 0, 1, 3}).reshape({t, Q, D}).to(q.scalar_type());
}

}  // namespace

at::Tensor slot_attention(const at::Tensor& q_TQD, const at::Tensor& offsets_B1, int64_t longest_q,
                          const at::Tensor& k_NKD, const at::Tensor& v_NKD, const SlotKeys& keys, bool causal,
                          int64_t window, double scale) {
#ifdef MIRA_CUDA
  if (q_TQD.is_cuda() && q_TQD.scalar_type() == at::kBFloat16) {
    kernels::cuda::FlashShape shape;
    shape.offsets_q = offsets_B1;
    shape.offsets_k = keys.start_B1;
    shape.longest_q = longest_q;
    shape.longest_k = keys.longest;
    shape.causal = causal;
    shape.window = causal ? window : 0;
    shape.scale = scale;
    shape.used_k = keys.used_B;
    return kernels::cuda::flash_forward(q_TQD, k_NKD, v_NKD, shape).out;
  }
#endif
  const at::Tensor offsets = offsets_B1.to(at::kCPU), start = keys.start_B1.to(at::kCPU), used = keys.used_B.to(at::kCPU);
  const int32_t *o = offsets.const_data_ptr<int32_t>(), *s = start.const_data_ptr<int32_t>(),
                *u = used.const_data_ptr<int32_t>();
  at::Tensor out_TQD = at::empty_like(q_TQD);
  for (int64_t b = 0; b < used.numel(); ++b) {
    if (o[b + 1] == o[b]) continue;
    out_TQD.narrow(0, o[b], o[b + 1] - o[b])
        .copy_(attend(q_TQD.narrow(0, o[b], o[b + 1] - o[b]), k_NKD.narrow(0, s[b], u[b]), v_NKD.narrow(0, s[b], u[b]),
                      causal, window, scale));
  }
  return out_TQD;
}

}  // namespace mira
