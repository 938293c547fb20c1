// Attention in ATen operations; see attention_math.h. Backward recomputes the probabilities from the log-sum-exp.
#include "native/kernels/attention_math.h"
#include <limits>

namespace mira::kernels::math {
namespace {

// One sequence: query heads grouped by the kv head they share, [K, G, L, D] against [K, 1, L, D].
struct Sequence {
  int64_t begin, length, K, G, D;

  at::Tensor queries(const at::Tensor& x_TQD) const {
    return x_TQD.narrow(0, begin, length).reshape({length, K, G, D}).permute({1, 2, 0, 3}).to(at::kFloat);
  }
  at::Tensor keys(const at::Tensor& x_TKD) const {
    return x_TKD.narrow(0, begin, length).permute({1, 0, 2}).unsqueeze(1).to(at::kFloat);
  }
  // [K, G, L, D] back to [L, Q, D].
  at::Tensor packed(const at::Tensor& x_KGLD) const { return x_KGLD.permute({2, 0, 1, 3}).reshape({length, K * G, D}); }
};

at::Tensor scores(const at::Tensor& q_KGLD, const at::Tensor& k_K1LD, int64_t window, double scale) {
  const int64_t L = q_KGLD.size(2);
  at::Tensor hidden = at::ones({L, L}, q_KGLD.options().dtype(at::kBool)).triu(1);
  if (window > 0) hidden.logical_or_(at::ones({L, L}, hidden.options()).tril(-window));
  return at::matmul(q_KGLD, k_K1LD.transpose(-1, -2)).mul_(scale).masked_fill_(hidden, -std::numeric_limits<float>::infinity());
}

template <class F>
void each(const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& offsets_B1, F&& f) {
  const at::Tensor offsets = offsets_B1.cpu();
  const int32_t* o = offsets.const_data_ptr<int32_t>();
  const int64_t K = k_TKD.size(1), G = q_TQD.size(1) / K;
  for (int64_t b = 0; b + 1 < offsets.numel(); ++b)
    if (o[b + 1] > o[b]) f(Sequence{o[b], o[b + 1] - o[b], K, G, q_TQD.size(2)});
}

}  // namespace

std::pair<at::Tensor, at::Tensor> attention_forward(const at::Tensor& q_TQD, const at::Tensor& k_TKD,
                                                    const at::Tensor& v_TKD, const at::Tensor& offsets_B1,
                                                    int64_t window, double scale) {
  at::Tensor out = at::empty_like(q_TQD), lse_QT = at::empty({q_TQD.size(1), q_TQD.size(0)}, q_TQD.options().dtype(at::kFloat));
  each(q_TQD, k_TKD, offsets_B1, [&](const Sequence& s) {
    const at::Tensor raw = scores(s.queries(q_TQD), s.keys(k_TKD), window, scale), lse = raw.logsumexp(-1, true);
    out.narrow(0, s.begin, s.length).copy_(s.packed(at::matmul((raw - lse).exp_(), s.keys(v_TKD))));
    lse_QT.narrow(1, s.begin, s.length).copy_(lse.reshape({s.K * s.G, s.length}));
  });
  return {out, lse_QT};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_backward(
    const at::Tensor& dout_TQD, const at::Tensor& q_TQD, const at::Tensor& k_TKD, const at::Tensor& v_TKD,
    const at::Tensor& out_TQD, const at::Tensor& lse_QT, const at::Tensor& offsets_B1, int64_t window, double scale) {
  at::Tensor dq = at::empty_like(q_TQD), dk = at::empty_like(k_TKD), dv = at::empty_like(v_TKD);
  each(q_TQD, k_TKD, offsets_B1, [&](const Sequence& s) {
    const at::Tensor q = s.queries(q_TQD), k = s.keys(k_TKD), v = s.keys(v_TKD), d = s.queries(dout_TQD);
    const at::Tensor lse = lse_QT.narrow(1, s.begin, s.length).reshape({s.K, s.G, s.length, 1});
    const at::Tensor p = (scores(q, k, window, scale) - lse).exp_();
    const at::Tensor delta = (d * s.queries(out_TQD)).sum(-1, true);
    const at::Tensor ds = p * (at::matmul(d, v.transpose(-1, -2)) - delta) * scale;
    const auto keys_back = [&](const at::Tensor& x_KGLD) { return x_KGLD.sum(1).permute({1, 0, 2}); };
    dq.narrow(0, s.begin, s.length).copy_(s.packed(at::matmul(ds, k)));
    dk.narrow(0, s.begin, s.length).copy_(keys_back(at::matmul(ds.transpose(-1, -2), q)));
    dv.narrow(0, s.begin, s.length).copy_(keys_back(at::matmul(p.transpose(-1, -2), d)));
  });
  return {dq, dk, dv};
}

}  // namespace mira::kernels::math
