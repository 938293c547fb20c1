// QK-norm and rotary embedding; see qk_norm_rope.h. The CPU's loops are here, CUDA's in cuda/qk_norm_rope.cu.
// Backward recomputes the norms from qkv.
#include "native/kernels/qk_norm_rope.h"
#include <torch/csrc/autograd/custom_function.h>
#include <algorithm>
#include <cmath>
#include <vector>
#include "native/kernels/dispatch.h"
#include "native/kernels/rms_row.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/qk_norm_rope.cuh"
#endif

namespace mira::kernels {
namespace {

using simd::Vec;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

void check(const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D, const at::Tensor& pos_T,
           const RopeTable& rope, int64_t heads, int64_t kv_heads) {
  const int64_t D = q_norm_D.numel();
  require(D % 2 == 0 && D > 0, "qk_norm_rope", "expected an even head dimension");
  require(qkv_TC.dim() == 2 && qkv_TC.is_contiguous() && qkv_TC.size(1) == (heads + 2 * kv_heads) * D, "qk_norm_rope",
          "expected a contiguous qkv of [T, (Q+2K)*D]");
  require(k_norm_D.numel() == D && q_norm_D.scalar_type() == qkv_TC.scalar_type() &&
              k_norm_D.scalar_type() == qkv_TC.scalar_type(),
          "qk_norm_rope", "expected q_norm and k_norm of [D] in qkv's dtype");
  require(pos_T.scalar_type() == at::kInt && pos_T.is_contiguous() && pos_T.numel() == qkv_TC.size(0), "qk_norm_rope",
          "expected int32 positions [T]");
  require(rope.cos_PD2.dim() == 2 && rope.cos_PD2.size(1) == D / 2, "qk_norm_rope", "expected a rope table of [P, D/2]");
  for (const at::Tensor* t : {&q_norm_D, &k_norm_D, &pos_T, &rope.cos_PD2, &rope.sin_PD2})
    require(t->device() == qkv_TC.device() && t->is_contiguous(), "qk_norm_rope",
            "expected contiguous norms, positions and rope tables on qkv's device");
  if (!pos_T.is_cpu()) return;  // looking would wait for the device
  const int32_t* pos = pos_T.const_data_ptr<int32_t>();
  for (int64_t t = 0; t < pos_T.numel(); ++t)
    require(pos[t] >= 0 && pos[t] < rope.cos_PD2.size(0), "qk_norm_rope", "a position lies outside the rope table");
}

// {a, b} -> {a cos - b sin, b cos + a sin} over the two halves; `direction` -1 rotates back (the transpose).
template <class In, class Out>
inline void rotate(const In* x, const float* cos, const float* sin, float direction, Out* y, int64_t half) {
  simd::for_lanes(half, [&](int64_t i, auto n) {
    const Vec a = simd::get(x + i, n), b = simd::get(x + half + i, n);
    const Vec c = simd::get(cos + i, n), s = simd::get(sin + i, n) * direction;
    simd::put(y + i, a * c - b * s, n);
    simd::put(y + half + i, b * c + a * s, n);
  });
}

// q [T,Q,D]; k and v of token t to row rows_T[t] of k, v [*,K,D], or row t when rows_T is undefined.
void forward_into(const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D,
                  const at::Tensor& pos_T, const RopeTable& rope, double eps, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, const at::Tensor& rows_T) {
  const int64_t T = qkv_TC.size(0), D = q_norm_D.numel(), C = qkv_TC.size(1), Q = q.size(1), K = k.size(1), half = D / 2;
  dispatch(qkv_TC.scalar_type(), "qk_norm_rope", [&](auto zero) {
    using S = decltype(zero);
    if (on_cuda(qkv_TC, "qk_norm_rope")) {
#ifdef MIRA_CUDA
      cuda::on_device_of(qkv_TC, [&](cudaStream_t stream) {
        cuda::qk_norm_rope_forward(cuda::input<S>(qkv_TC), cuda::input<S>(q_norm_D), cuda::input<S>(k_norm_D),
                                   cuda::input<int32_t>(pos_T), cuda::input<float>(rope.cos_PD2),
                                   cuda::input<float>(rope.sin_PD2), cuda::input<int64_t>(rows_T), cuda::output<S>(q),
                                   cuda::output<S>(k), cuda::output<S>(v), {T, Q, K, D, static_cast<float>(eps)},
                                   stream);
      });
#endif
      return;
    }
    const S *px = qkv_TC.const_data_ptr<S>(), *wq = q_norm_D.const_data_ptr<S>(), *wk = k_norm_D.const_data_ptr<S>();
    const int32_t* pos = pos_T.const_data_ptr<int32_t>();
    const int64_t* rows = rows_T.defined() ? rows_T.const_data_ptr<int64_t>() : nullptr;
    const float *cos = rope.cos_PD2.const_data_ptr<float>(), *sin = rope.sin_PD2.const_data_ptr<float>();
    S *pq = q.data_ptr<S>(), *pk = k.data_ptr<S>(), *pv = v.data_ptr<S>();
    at::parallel_for(0, T, grain(C), [&](int64_t begin, int64_t end) {
      std::vector<float> normed(D);
      for (int64_t t = begin; t < end; ++t) {
        const float *c = cos + pos[t] * half, *s = sin + pos[t] * half;
        const int64_t row = rows ? rows[t] : t;
        for (int64_t head = 0; head < (row < 0 ? Q : Q + K); ++head) {
          const bool is_q = head < Q;
          const S* x = px + t * C + head * D;
          row_norm(x, is_q ? wq : wk, static_cast<const S*>(nullptr), row_rstd(x, D, eps), normed.data(), D);
          rotate(normed.data(), c, s, 1.f, is_q ? pq + (t * Q + head) * D : pk + (row * K + head - Q) * D, half);
        }
        if (row >= 0) std::copy_n(px + t * C + (Q + K) * D, K * D, pv + row * K * D);
      }
    });
  });
}

#ifdef MIRA_CUDA
// {dqkv, dw [2,D] or undefined}
std::pair<at::Tensor, at::Tensor> backward_cuda(const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv,
                                                const variable_list& saved, const cuda::QkNormRopeShape& shape,
                                                bool want_dw) {
  const at::Tensor &qkv = saved[0], &q_norm = saved[1], &k_norm = saved[2];
  at::Tensor dqkv = at::empty_like(qkv), dw, partial;
  if (want_dw) {
    dw = at::empty({2 * shape.head_dim}, q_norm.options());
    partial = at::empty({cuda::gradient_parts(shape.tokens), 2 * shape.head_dim}, qkv.options().dtype(at::kFloat));
  }
  dispatch(qkv.scalar_type(), "qk_norm_rope", [&](auto zero) {
    using S = decltype(zero);
    cuda::on_device_of(qkv, [&](cudaStream_t stream) {
      cuda::qk_norm_rope_backward(cuda::input<S>(dq), cuda::input<S>(dk), cuda::input<S>(dv), cuda::input<S>(qkv),
                                  cuda::input<S>(q_norm), cuda::input<S>(k_norm), cuda::input<int32_t>(saved[3]),
                                  cuda::input<float>(saved[4]), cuda::input<float>(saved[5]), cuda::output<S>(dqkv),
                                  cuda::output<float>(partial), cuda::output<S>(dw), shape, stream);
    });
  });
  return {dqkv, dw};
}
#endif

struct QkNormRope : Function<QkNormRope> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& qkv_TC, const at::Tensor& q_norm_D,
                               const at::Tensor& k_norm_D, const at::Tensor& pos_T, const at::Tensor& cos_PD2,
                               const at::Tensor& sin_PD2, int64_t heads, int64_t kv_heads, double eps) {
    auto [q, k, v] = qk_norm_rope_forward(qkv_TC, q_norm_D, k_norm_D, pos_T, {cos_PD2, sin_PD2}, heads, kv_heads, eps);
    ctx->save_for_backward({qkv_TC, q_norm_D, k_norm_D, pos_T, cos_PD2, sin_PD2});
    ctx->saved_data["heads"] = heads;
    ctx->saved_data["kv_heads"] = kv_heads;
    ctx->saved_data["eps"] = eps;
    return {q, k, v};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &qkv = saved[0], &q_norm = saved[1], &k_norm = saved[2];
    const int64_t Q = ctx->saved_data["heads"].toInt(), K = ctx->saved_data["kv_heads"].toInt();
    const double eps = ctx->saved_data["eps"].toDouble();
    const int64_t T = qkv.size(0), D = q_norm.numel(), C = qkv.size(1), half = D / 2;
    const at::Tensor dq = grads[0].contiguous(), dk = grads[1].contiguous(), dv = grads[2].contiguous();
    const bool want_dw = ctx->needs_input_grad(1) || ctx->needs_input_grad(2);
    if (on_cuda(qkv, "qk_norm_rope")) {
#ifdef MIRA_CUDA
      auto [dx, dw] = backward_cuda(dq, dk, dv, saved, {T, Q, K, D, static_cast<float>(eps)}, want_dw);
      if (!want_dw) return {dx, {}, {}, {}, {}, {}, {}, {}, {}};
      return {dx, dw.narrow(0, 0, D), dw.narrow(0, D, D), {}, {}, {}, {}, {}, {}};
#endif
    }
    at::Tensor dqkv = at::empty_like(qkv), dw_threads = per_thread_rows(2 * D);
    dispatch(qkv.scalar_type(), "qk_norm_rope", [&](auto zero) {
      using S = decltype(zero);
      const S *px = qkv.const_data_ptr<S>(), *pq = dq.const_data_ptr<S>(), *pk = dk.const_data_ptr<S>();
      const S *pv = dv.const_data_ptr<S>(), *wq = q_norm.const_data_ptr<S>(), *wk = k_norm.const_data_ptr<S>();
      const int32_t* pos = saved[3].const_data_ptr<int32_t>();
      const float *cos = saved[4].const_data_ptr<float>(), *sin = saved[5].const_data_ptr<float>();
      S* pdx = dqkv.data_ptr<S>();
      float* pdw = dw_threads.data_ptr<float>();
      at::parallel_for(0, T, grain(C), [&](int64_t begin, int64_t end) {
        float* dw = pdw + at::get_thread_num() * 2 * D;
        std::vector<float> dn(D);
        for (int64_t t = begin; t < end; ++t) {
          const float *c = cos + pos[t] * half, *s = sin + pos[t] * half;
          for (int64_t head = 0; head < Q + K; ++head) {
            const bool is_q = head < Q;
            const S* x = px + t * C + head * D;
            rotate(is_q ? pq + (t * Q + head) * D : pk + (t * K + head - Q) * D, c, s, -1.f, dn.data(), half);
            row_norm_backward(dn.data(), x, is_q ? wq : wk, row_rstd(x, D, eps), static_cast<const S*>(nullptr),
                              pdx + t * C + head * D, is_q ? dw : dw + D, D);
          }
          std::copy_n(pv + t * K * D, K * D, pdx + t * C + (Q + K) * D);
        }
      });
    });
    if (!want_dw) return {dqkv, {}, {}, {}, {}, {}, {}, {}, {}};
    const at::Tensor dw = dw_threads.sum(0).to(q_norm.scalar_type());
    return {dqkv, dw.narrow(0, 0, D), dw.narrow(0, D, D), {}, {}, {}, {}, {}, {}};
  }
};

}  // namespace

RopeTable make_rope_table(int64_t positions, int64_t head_dim, double theta, double factor, at::Device device) {
  require(positions >= 0 && head_dim > 0 && head_dim % 2 == 0 && theta > 0 && factor > 0, "make_rope_table",
          "expected positions >= 0, an even head_dim and positive theta and factor");
  at::NoGradGuard no_grad;
  const int64_t half = head_dim / 2;
  at::Tensor cos_PD2 = at::empty({positions, half}, at::kFloat), sin_PD2 = at::empty({positions, half}, at::kFloat);
  // Frequencies and angles are rounded to float32 where Gemma's reference rounds them.
  const at::Tensor exponents = at::arange(0, head_dim, 2, at::kFloat).div(static_cast<double>(head_dim));
  at::Tensor inv_freq = at::pow(static_cast<float>(theta), exponents).reciprocal();
  if (factor != 1.0) inv_freq = inv_freq.div(factor);
  const at::Tensor angles = at::outer(at::arange(positions, at::kFloat), inv_freq);
  return {angles.cos().to(device), angles.sin().to(device)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> qk_norm_rope_forward(
    const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D, const at::Tensor& pos_T,
    const RopeTable& rope, int64_t heads, int64_t kv_heads, double eps) {
  at::NoGradGuard no_grad;
  check(qkv_TC, q_norm_D, k_norm_D, pos_T, rope, heads, kv_heads);
  const int64_t T = qkv_TC.size(0), D = q_norm_D.numel();
  at::Tensor q = at::empty({T, heads, D}, qkv_TC.options()), k = at::empty({T, kv_heads, D}, qkv_TC.options());
  at::Tensor v = at::empty_like(k);
  forward_into(qkv_TC, q_norm_D, k_norm_D, pos_T, rope, eps, q, k, v, {});
  return {q, k, v};
}

at::Tensor qk_norm_rope_kv_forward(const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D,
                                   const at::Tensor& pos_T, const RopeTable& rope, int64_t heads, int64_t kv_heads,
                                   double eps, const at::Tensor& k_cache_NKD, const at::Tensor& v_cache_NKD,
                                   const at::Tensor& rows_T) {
  at::NoGradGuard no_grad;
  check(qkv_TC, q_norm_D, k_norm_D, pos_T, rope, heads, kv_heads);
  const char* name = "qk_norm_rope";
  const int64_t T = qkv_TC.size(0), D = q_norm_D.numel();
  for (const at::Tensor* cache : {&k_cache_NKD, &v_cache_NKD})
    require(cache->dim() == 3 && cache->size(1) == kv_heads && cache->size(2) == D && cache->is_contiguous() &&
                cache->scalar_type() == qkv_TC.scalar_type() && cache->device() == qkv_TC.device(),
            name, "expected contiguous caches [N,K,D] of qkv's dtype and device");
  require(rows_T.scalar_type() == at::kLong && rows_T.is_contiguous() && rows_T.numel() == T &&
              rows_T.device() == qkv_TC.device(),
          name, "expected int64 rows [T] on qkv's device");
  if (rows_T.is_cpu())
    for (int64_t t = 0; t < T; ++t)
      require(rows_T.const_data_ptr<int64_t>()[t] < std::min(k_cache_NKD.size(0), v_cache_NKD.size(0)), name,
              "a row lies outside the caches");
  at::Tensor q = at::empty({T, heads, D}, qkv_TC.options());
  forward_into(qkv_TC, q_norm_D, k_norm_D, pos_T, rope, eps, q, k_cache_NKD, v_cache_NKD, rows_T);
  return q;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> qk_norm_rope(
    const at::Tensor& qkv_TC, const at::Tensor& q_norm_D, const at::Tensor& k_norm_D, const at::Tensor& pos_T,
    const RopeTable& rope, int64_t heads, int64_t kv_heads, double eps) {
  auto out = QkNormRope::apply(qkv_TC, q_norm_D, k_norm_D, pos_T, rope.cos_PD2, rope.sin_PD2, heads, kv_heads, eps);
  return {out[0], out[1], out[2]};
}

}  // namespace mira::kernels
