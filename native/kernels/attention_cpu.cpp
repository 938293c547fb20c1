// CPU attention over packed sequences; see attention.h. Work is cut into (sequence, kv head, row block) tasks:
// a block of query rows of all heads that share the kv head is multiplied with the keys it may see, so that
// scores never exceed [16 rows, keys]. Backward recomputes the probabilities from the saved log-sum-exp.
#include "native/kernels/attention_cpu.h"
#include <algorithm>
#include <cmath>
#include <vector>
#include "native/kernels/dispatch.h"

namespace mira::kernels::cpu {
namespace {

using simd::Vec;
using simd::W;
struct Problem {
  int64_t Q, K, D, G, window;  // G = query heads per kv head
  int64_t Dp;                  // D padded to whole vectors
  int64_t block;               // query positions per block; block * G rows of scores
  float scale;
};

Problem problem(const at::Tensor& q, const at::Tensor& k, const at::Tensor& offsets, int64_t window, double scale) {
  const char* name = "varlen_attention";
  const int32_t* o = offsets.const_data_ptr<int32_t>();
  const int64_t B = offsets.numel() - 1;
  require(o[0] == 0 && o[B] == q.size(0), name, "expected offsets from 0 to T");
  for (int64_t b = 0; b < B; ++b) require(o[b] <= o[b + 1], name, "expected ascending offsets");
  const int64_t G = q.size(1) / k.size(1), D = q.size(2);
  return {q.size(1), k.size(1), D, G, window, simd::round_up(D), std::max<int64_t>(1, 16 / G),
          static_cast<float>(scale)};
}

struct Task { int64_t start, length, first, last, kv; };  // rows [first, last) of one sequence, one kv head

// Scratch of one task: keys and values it sees, as float32, and one block of rows.
struct Scratch {
  std::vector<float> keys_t, values_t, keys, values, q, out, dout, dq, p, dp, dk, dv, delta, lse;
};

// rows [n, D] of a [T, heads, D] tensor -> [n, Dp] float32, scaled, padding zero.
template <class S>
void gather(const S* from, int64_t n, int64_t stride, int64_t D, int64_t Dp, float scale, float* to) {
  for (int64_t r = 0; r < n; ++r) {
    simd::for_lanes(D, [&](int64_t i, auto lanes) { simd::put(to + r * Dp + i, simd::get(from + r * stride + i, lanes) * scale, lanes); });
    std::fill(to + r * Dp + D, to + (r + 1) * Dp, 0.f);
  }
}

// [n, Dp] -> [D, Lp] with zero columns beyond n.
void transpose(const float* from, int64_t n, int64_t D, int64_t Dp, int64_t Lp, float* to) {
  for (int64_t d = 0; d < D; ++d) {
    for (int64_t j = 0; j < n; ++j) to[d * Lp + j] = from[j * Dp + d];
    std::fill(to + d * Lp + n, to + (d + 1) * Lp, 0.f);
  }
}

// Where a block of rows [i0, i1) finds its keys among those gathered from `low` on.
struct Span { int64_t begin, end; };  // columns, whole vectors
Span span_of(const Problem& P, int64_t i0, int64_t i1, int64_t low) {
  const int64_t first = P.window ? std::max<int64_t>(0, i0 - P.window + 1) : 0;
  return {(first - low) / W * W, simd::round_up(i1 - low)};
}

// Fills what row i must not see with `value`, within the columns of the span.
void mask_row(const Problem& P, int64_t i, int64_t low, Span span, float* row, float value) {
  const int64_t first = (P.window ? std::max<int64_t>(0, i - P.window + 1) : 0) - low;
  for (int64_t j = span.begin; j < first; ++j) row[j] = value;
  for (int64_t j = i - low + 1; j < span.end; ++j) row[j] = value;
}

template <class S>
void forward_task(const Problem& P, const Task& task, const S* q, const S* k, const S* v, S* out, float* lse,
                  Scratch& s) {
  const int64_t low = P.window ? std::max<int64_t>(0, task.first - P.window + 1) : 0;
  const int64_t keys = task.last - low, Lp = simd::round_up(keys), rows = P.block * P.G;
  s.keys.resize(keys * P.Dp);
  s.keys_t.resize(P.D * Lp);
  s.values.resize(Lp * P.Dp);
  s.q.resize(rows * P.Dp);
  s.out.resize(rows * P.Dp);
  s.p.resize(rows * Lp);
  gather(k + ((task.start + low) * P.K + task.kv) * P.D, keys, P.K * P.D, P.D, P.Dp, 1.f, s.keys.data());
  gather(v + ((task.start + low) * P.K + task.kv) * P.D, keys, P.K * P.D, P.D, P.Dp, 1.f, s.values.data());
  std::fill(s.values.begin() + keys * P.Dp, s.values.end(), 0.f);
  transpose(s.keys.data(), keys, P.D, P.Dp, Lp, s.keys_t.data());
  for (int64_t i0 = task.first; i0 < task.last; i0 += P.block) {
    const int64_t i1 = std::min(i0 + P.block, task.last), M = (i1 - i0) * P.G;
    const Span span = span_of(P, i0, i1, low);
    const int64_t width = span.end - span.begin;
    for (int64_t i = i0; i < i1; ++i)
      gather(q + ((task.start + i) * P.Q + task.kv * P.G) * P.D, P.G, P.D, P.D, P.Dp, P.scale,
             s.q.data() + (i - i0) * P.G * P.Dp);
    simd::gemm(M, width, P.D, s.q.data(), P.Dp, 1, s.keys_t.data() + span.begin, Lp, s.p.data() + span.begin, Lp, false);
    for (int64_t m = 0; m < M; ++m) {
      float* row = s.p.data() + m * Lp;
      const int64_t i = i0 + m / P.G, at_lse = (task.start + i) * P.Q + task.kv * P.G + m % P.G;
      mask_row(P, i, low, span, row, -INFINITY);
      Vec top = simd::splat(-INFINITY), total{};
      for (int64_t j = span.begin; j < span.end; j += W) top = simd::max(top, simd::load(row + j));
      const float peak = simd::max(top);
      for (int64_t j = span.begin; j < span.end; j += W) {
        const Vec e = simd::exp(simd::load(row + j) - peak);
        total += e;
        simd::store(row + j, e);
      }
      const float mass = simd::sum(total);
      if (lse) lse[at_lse] = peak + std::log(mass);
      for (int64_t j = span.begin; j < span.end; j += W) simd::store(row + j, simd::load(row + j) * (1.f / mass));
    }
    simd::gemm(M, P.Dp, width, s.p.data() + span.begin, Lp, 1, s.values.data() + span.begin * P.Dp, P.Dp, s.out.data(),
               P.Dp, false);
    for (int64_t m = 0; m < M; ++m) {
      S* to = out + ((task.start + i0 + m / P.G) * P.Q + task.kv * P.G + m % P.G) * P.D;
      simd::for_lanes(P.D, [&](int64_t d, auto n) { simd::put(to + d, simd::get(s.out.data() + m * P.Dp + d, n), n); });
    }
  }
}

// One whole sequence and kv head: nothing else writes its dk and dv.
template <class S>
void backward_task(const Problem& P, const Task& task, const S* q, const S* k, const S* v, const S* out, const S* dout,
                   const float* lse, S* dq, S* dk, S* dv, Scratch& s) {
  const int64_t L = task.length, Lp = simd::round_up(L), rows = P.block * P.G;
  for (auto* buffer : {&s.keys, &s.values, &s.dk, &s.dv}) buffer->assign(Lp * P.Dp, 0.f);
  for (auto* buffer : {&s.keys_t, &s.values_t}) buffer->resize(P.D * Lp);
  for (auto* buffer : {&s.q, &s.out, &s.dout, &s.dq}) buffer->resize(rows * P.Dp);
  for (auto* buffer : {&s.p, &s.dp}) buffer->resize(rows * Lp);
  const int64_t base = (task.start * P.K + task.kv) * P.D;
  gather(k + base, L, P.K * P.D, P.D, P.Dp, 1.f, s.keys.data());
  gather(v + base, L, P.K * P.D, P.D, P.Dp, 1.f, s.values.data());
  transpose(s.keys.data(), L, P.D, P.Dp, Lp, s.keys_t.data());
  transpose(s.values.data(), L, P.D, P.Dp, Lp, s.values_t.data());
  for (int64_t i0 = 0; i0 < L; i0 += P.block) {
    const int64_t i1 = std::min(i0 + P.block, L), M = (i1 - i0) * P.G;
    const Span span = span_of(P, i0, i1, 0);
    const int64_t width = span.end - span.begin;
    for (int64_t i = i0; i < i1; ++i) {
      const int64_t from = ((task.start + i) * P.Q + task.kv * P.G) * P.D, to = (i - i0) * P.G * P.Dp;
      gather(q + from, P.G, P.D, P.D, P.Dp, P.scale, s.q.data() + to);
      gather(out + from, P.G, P.D, P.D, P.Dp, 1.f, s.out.data() + to);
      gather(dout + from, P.G, P.D, P.D, P.Dp, 1.f, s.dout.data() + to);
    }
    simd::gemm(M, width, P.D, s.q.data(), P.Dp, 1, s.keys_t.data() + span.begin, Lp, s.p.data() + span.begin, Lp, false);
    simd::gemm(M, width, P.D, s.dout.data(), P.Dp, 1, s.values_t.data() + span.begin, Lp, s.dp.data() + span.begin, Lp,
               false);
    for (int64_t m = 0; m < M; ++m) {
      float *p = s.p.data() + m * Lp, *dp = s.dp.data() + m * Lp;
      const int64_t i = i0 + m / P.G;
      mask_row(P, i, 0, span, p, -INFINITY);
      Vec dot{};
      for (int64_t d = 0; d < P.Dp; d += W)
        dot += simd::load(s.out.data() + m * P.Dp + d) * simd::load(s.dout.data() + m * P.Dp + d);
      const float delta = simd::sum(dot), norm = lse[(task.start + i) * P.Q + task.kv * P.G + m % P.G];
      for (int64_t j = span.begin; j < span.end; j += W) {
        const Vec prob = simd::exp(simd::load(p + j) - norm);
        simd::store(p + j, prob);
        simd::store(dp + j, prob * (simd::load(dp + j) - delta));
      }
    }
    const float *p = s.p.data() + span.begin, *ds = s.dp.data() + span.begin;
    const int64_t shift = span.begin * P.Dp;
    simd::gemm(M, P.Dp, width, ds, Lp, 1, s.keys.data() + shift, P.Dp, s.dq.data(), P.Dp, false);
    simd::gemm(width, P.Dp, M, ds, 1, Lp, s.q.data(), P.Dp, s.dk.data() + shift, P.Dp, true);
    simd::gemm(width, P.Dp, M, p, 1, Lp, s.dout.data(), P.Dp, s.dv.data() + shift, P.Dp, true);
    for (int64_t m = 0; m < M; ++m) {
      S* to = dq + ((task.start + i0 + m / P.G) * P.Q + task.kv * P.G + m % P.G) * P.D;
      simd::for_lanes(P.D, [&](int64_t d, auto n) { simd::put(to + d, simd::get(s.dq.data() + m * P.Dp + d, n) * P.scale, n); });
    }
  }
  for (int64_t j = 0; j < L; ++j)
    simd::for_lanes(P.D, [&](int64_t d, auto n) {
      simd::put(dk + base + j * P.K * P.D + d, simd::get(s.dk.data() + j * P.Dp + d, n), n);
      simd::put(dv + base + j * P.K * P.D + d, simd::get(s.dv.data() + j * P.Dp + d, n), n);
    });
}

// Tasks of about `rows` query rows each (0: whole sequences), every sequence and kv head covered.
std::vector<Task> tasks_of(const Problem& P, const at::Tensor& offsets_B1, int64_t rows) {
  std::vector<Task> tasks;
  const int32_t* o = offsets_B1.const_data_ptr<int32_t>();
  for (int64_t b = 0; b + 1 < offsets_B1.numel(); ++b) {
    const int64_t length = o[b + 1] - o[b], step = rows ? rows : std::max<int64_t>(1, length);
    for (int64_t kv = 0; kv < P.K; ++kv)
      for (int64_t first = 0; first < length; first += step)
        tasks.push_back({o[b], length, first, std::min(first + step, length), kv});
  }
  return tasks;
}

}  // namespace

at::Tensor attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& offsets_B1, int64_t window, double scale, at::Tensor* lse_TQ) {
  const Problem P = problem(q, k, offsets_B1, window, scale);
  at::Tensor out = at::empty_like(q);
  if (lse_TQ) *lse_TQ = at::empty({q.size(0), P.Q}, q.options().dtype(at::kFloat));
  const std::vector<Task> tasks = tasks_of(P, offsets_B1, std::max<int64_t>(32, 512 / P.G));
  dispatch(q.scalar_type(), "varlen_attention", [&](auto zero) {
    using S = decltype(zero);
    const S *pq = q.const_data_ptr<S>(), *pk = k.const_data_ptr<S>(), *pv = v.const_data_ptr<S>();
    S* po = out.data_ptr<S>();
    float* pl = lse_TQ ? lse_TQ->data_ptr<float>() : nullptr;
    at::parallel_for(0, static_cast<int64_t>(tasks.size()), 1, [&](int64_t begin, int64_t end) {
      Scratch scratch;
      for (int64_t i = begin; i < end; ++i) forward_task(P, tasks[i], pq, pk, pv, po, pl, scratch);
    });
  });
  return out;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_backward(
    const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& out,
    const at::Tensor& lse, const at::Tensor& offsets_B1, int64_t window, double scale) {
  const Problem P = problem(q, k, offsets_B1, window, scale);
  at::Tensor dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
  const std::vector<Task> tasks = tasks_of(P, offsets_B1, 0);
  dispatch(q.scalar_type(), "varlen_attention", [&](auto zero) {
    using S = decltype(zero);
    const S *pq = q.const_data_ptr<S>(), *pk = k.const_data_ptr<S>(), *pv = v.const_data_ptr<S>();
    const S *po = out.const_data_ptr<S>(), *pd = dout.const_data_ptr<S>();
    S *pdq = dq.data_ptr<S>(), *pdk = dk.data_ptr<S>(), *pdv = dv.data_ptr<S>();
    at::parallel_for(0, static_cast<int64_t>(tasks.size()), 1, [&](int64_t begin, int64_t end) {
      Scratch scratch;
      for (int64_t i = begin; i < end; ++i)
        backward_task(P, tasks[i], pq, pk, pv, po, pd, lse.const_data_ptr<float>(), pdq, pdk, pdv, scratch);
    });
  });
  return {dq, dk, dv};
}

}  // namespace mira::kernels::cpu
