// QK-norm and rotary kernels against float64, forward and backward, with and without a destination row per token.
#include "native/kernels/cuda/column_sums.cuh"
#include "native/kernels/cuda/qk_norm_rope.cuh"
#include "test/native/cuda-emulation/check.h"

namespace test {
namespace {

namespace cuda = mira::kernels::cuda;
constexpr double kEps = 1e-6;
using Row = std::vector<double>;

struct Head {
  Row n;  // normed, before 1 + w
  double rstd;
};
Head normed(const Row& x) {
  double squares = 0;
  for (double v : x) squares += v * v;
  Head h{x, 1 / std::sqrt(squares / static_cast<double>(x.size()) + kEps)};
  for (double& v : h.n) v *= h.rstd;
  return h;
}
Row rotated(const Row& x, const float* cos, const float* sin, double direction) {
  const size_t half = x.size() / 2;
  Row y(x.size());
  for (size_t i = 0; i < half; ++i) {
    y[i] = x[i] * cos[i] - x[half + i] * direction * sin[i];
    y[half + i] = x[half + i] * cos[i] + x[i] * direction * sin[i];
  }
  return y;
}

template <class S>
void one(int64_t T, int64_t Q, int64_t K, int64_t D, int64_t shift = 0) {
  const std::string what = std::string(kName<S>) + " T" + std::to_string(T) + " Q" + std::to_string(Q) + " K" +
                           std::to_string(K) + " D" + std::to_string(D) + (shift ? " unaligned" : "");
  const int64_t C = (Q + 2 * K) * D, half = D / 2, P = 50;
  const auto qkv = random<S>(T * C, 1, 1.5, shift), wq = random<S>(D, 2, 0.3, shift), wk = random<S>(D, 3, 0.3, shift);
  Buffer<float> cos(P * half), sin(P * half);
  for (int64_t p = 0; p < P; ++p)
    for (int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(p) * std::pow(1e4, -2.0 * static_cast<double>(i) / static_cast<double>(D));
      cos[p * half + i] = static_cast<float>(std::cos(angle));
      sin[p * half + i] = static_cast<float>(std::sin(angle));
    }
  Buffer<int32_t> pos(T);
  for (int64_t t = 0; t < T; ++t) pos[t] = static_cast<int32_t>((t * 17 + 3) % P);
  const cuda::QkNormRopeShape shape{T, Q, K, D, static_cast<float>(kEps)};

  const auto out = in_every_order("qk_norm_rope_forward", what, [&] {
    std::vector<Buffer<S>> o{Buffer<S>(T * Q * D, shift), Buffer<S>(T * K * D, shift), Buffer<S>(T * K * D, shift)};
    cuda::qk_norm_rope_forward<S>(qkv.data(), wq.data(), wk.data(), pos.data(), cos.data(), sin.data(), nullptr,
                                  o[0].data(), o[1].data(), o[2].data(), shape, nullptr);
    return o;
  });
  const auto dq = random<S>(T * Q * D, 5, 1, shift), dk = random<S>(T * K * D, 6, 1, shift), dv = random<S>(T * K * D, 7, 1, shift);
  Row q64, k64, v64, dqkv64(static_cast<size_t>(T * C)), dw64(static_cast<size_t>(2 * D));
  const Row x = qkv.values(), wqs = wq.values(), wks = wk.values(), dqs = dq.values(), dks = dk.values(), dvs = dv.values();
  for (int64_t t = 0; t < T; ++t)
    for (int64_t head = 0; head < Q + 2 * K; ++head) {
      const size_t at = static_cast<size_t>(t * C + head * D);
      const Row row(x.begin() + static_cast<long>(at), x.begin() + static_cast<long>(at) + D);
      const auto gradient = [&](const Row& all, int64_t index) {
        return Row(all.begin() + index * D, all.begin() + (index + 1) * D);
      };
      if (head >= Q + K) {
        v64.insert(v64.end(), row.begin(), row.end());
        const Row d = gradient(dvs, t * K + head - Q - K);
        std::copy(d.begin(), d.end(), dqkv64.begin() + static_cast<long>(at));
        continue;
      }
      const bool is_q = head < Q;
      const Row& w = is_q ? wqs : wks;
      const Head h = normed(row);
      Row scaled(h.n);
      for (size_t i = 0; i < scaled.size(); ++i) scaled[i] *= 1 + w[i];
      const Row y = rotated(scaled, &cos[pos[t] * half], &sin[pos[t] * half], 1);
      Row& to = is_q ? q64 : k64;
      to.insert(to.end(), y.begin(), y.end());
      const Row d = rotated(is_q ? gradient(dqs, t * Q + head) : gradient(dks, t * K + head - Q), &cos[pos[t] * half],
                            &sin[pos[t] * half], -1);
      double inner = 0;
      for (size_t i = 0; i < d.size(); ++i) {
        inner += d[i] * (1 + w[i]) * h.n[i];
        dw64[(is_q ? 0 : d.size()) + i] += d[i] * h.n[i];
      }
      for (size_t i = 0; i < d.size(); ++i)
        dqkv64[at + i] = h.rstd * (d[i] * (1 + w[i]) - h.n[i] * inner / static_cast<double>(D));
    }
  report("qk_norm_rope_forward", what + " q", error(out[0].values(), q64), kTolerance<S>);
  report("qk_norm_rope_forward", what + " k", error(out[1].values(), k64), kTolerance<S>);
  report("qk_norm_rope_forward", what + " v", error(out[2].values(), v64), 0);

  // Rows of a larger cache, in another order, one token dropped: the cache's other rows stay as they were.
  Buffer<int64_t> rows(T);
  const int64_t N = 2 * T + 1;
  for (int64_t t = 0; t < T; ++t) rows[t] = t == 1 ? -1 : 2 * (T - 1 - t) + 1;
  Buffer<S> q(T * Q * D, shift), k = random<S>(N * K * D, 8, 1, shift), v = random<S>(N * K * D, 9, 1, shift);
  Buffer<S> expected_k(k), expected_v(v);
  cuda::qk_norm_rope_forward<S>(qkv.data(), wq.data(), wk.data(), pos.data(), cos.data(), sin.data(), rows.data(), q.data(),
                                k.data(), v.data(), shape, nullptr);
  for (int64_t t = 0; t < T; ++t) {
    if (rows[t] < 0) continue;
    std::copy_n(out[1].data() + t * K * D, K * D, expected_k.data() + rows[t] * K * D);
    std::copy_n(out[2].data() + t * K * D, K * D, expected_v.data() + rows[t] * K * D);
  }
  report("qk_norm_rope_forward", what + " into rows of a cache",
         q.same_bits(out[0]) && k.same_bits(expected_k) && v.same_bits(expected_v) && k.guards_hold() && v.guards_hold());

  const auto back = in_every_order("qk_norm_rope_backward", what, [&] {
    std::vector<Buffer<S>> o{Buffer<S>(T * C, shift), Buffer<S>(2 * D, shift)};
    Buffer<float> partial(cuda::gradient_parts(T) * 2 * D);
    cuda::qk_norm_rope_backward(dq.data(), dk.data(), dv.data(), qkv.data(), wq.data(), wk.data(), pos.data(), cos.data(),
                                sin.data(), o[0].data(), partial.data(), o[1].data(), shape, nullptr);
    return o;
  });
  report("qk_norm_rope_backward", what + " dqkv", error(back[0].values(), dqkv64), kTolerance<S>);
  report("qk_norm_rope_backward", what + " dw", error(back[1].values(), dw64), kTolerance<S>);
  Buffer<S> frozen(T * C, shift);
  cuda::qk_norm_rope_backward<S>(dq.data(), dk.data(), dv.data(), qkv.data(), wq.data(), wk.data(), pos.data(), cos.data(),
                                 sin.data(), frozen.data(), nullptr, nullptr, shape, nullptr);
  report("qk_norm_rope_backward", what + " without dw", frozen.same_bits(back[0]));
}

void qk_norm_rope() {
  one<float>(3, 4, 1, 256);
  one<Bf16>(3, 16, 8, 256);
  one<float>(2, 4, 2, 128);
  one<Bf16>(2, 4, 2, 128);
  one<float>(3, 3, 1, 10);
  one<Bf16>(5, 2, 1, 66);
  one<float>(2, 2, 1, 256, 1);
  one<Bf16>(2, 2, 1, 256, 1);
  one<Bf16>(520, 1, 1, 8);  // several tokens per block of the backward pass
  one<float>(0, 2, 1, 64);
}

const Registered registered{"qk_norm_rope", qk_norm_rope};

}  // namespace
}  // namespace test
