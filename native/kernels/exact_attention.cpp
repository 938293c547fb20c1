// CPU twin of the batch-invariant attention, and dispatch; see exact_attention.h.
#include "native/kernels/exact_attention.h"
#include <algorithm>
#include <cmath>
#include <vector>
#include "native/kernels/dispatch.h"
#ifdef MIRA_CUDA
#include "native/kernels/cuda/aten.h"
#include "native/kernels/cuda/exact_attention.cuh"
#endif

namespace mira::kernels {
namespace {

using simd::Vec;

struct Shape { int64_t Q, K, D, capacity; float scale; };

// One query head: q [D], keys and values of its kv head, a row every K * D elements.
template <class S>
void attend(const Shape& s, const S* q, const S* k, const S* v, int64_t start, int64_t first, int64_t count, S* out,
            std::vector<float>& p, std::vector<float>& sum_D) {
  const auto row = [&](int64_t j) { return (start + (s.capacity ? (first + j) % s.capacity : first + j)) * s.K * s.D; };
  p.resize(static_cast<size_t>(count));
  float top = -INFINITY;
  for (int64_t j = 0; j < count; ++j) {
    Vec dot{};
    simd::for_lanes(s.D, [&](int64_t i, auto n) { dot += simd::get(q + i, n) * simd::get(k + row(j) + i, n); });
    p[j] = simd::sum(dot) * s.scale;
    top = std::max(top, p[j]);
  }
  float mass = 0;
  std::fill(sum_D.begin(), sum_D.end(), 0.f);
  for (int64_t j = 0; j < count; ++j) {
    p[j] = std::exp(p[j] - top);
    mass += p[j];
    simd::for_lanes(s.D, [&](int64_t i, auto n) {
      simd::put(sum_D.data() + i, simd::get(sum_D.data() + i, n) + simd::get(v + row(j) + i, n) * p[j], n);
    });
  }
  simd::for_lanes(s.D, [&](int64_t i, auto n) { simd::put(out + i, simd::get(sum_D.data() + i, n) / mass, n); });
}

#ifdef MIRA_CUDA
at::Tensor on_device(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const KeyRows& keys, double scale) {
  at::Tensor out = at::empty_like(q);
  const cuda::ExactKeys rows{keys.start_T.const_data_ptr<int32_t>(), keys.first_T.const_data_ptr<int32_t>(),
                             keys.count_T.const_data_ptr<int32_t>(), keys.capacity};
  cuda::on_device_of(q, [&](cudaStream_t stream) {
    dispatch(q.scalar_type(), "exact_attention", [&](auto zero) {
      using S = decltype(zero);
      cuda::exact_attention(cuda::input<S>(q), cuda::input<S>(k), cuda::input<S>(v), rows, cuda::output<S>(out), q.size(0),
                            q.size(1), k.size(1), q.size(2), static_cast<float>(scale), stream);
    });
  });
  return out;
}
#endif

}  // namespace

at::Tensor exact_attention(const at::Tensor& q_TQD, const at::Tensor& k_NKD, const at::Tensor& v_NKD,
                           const KeyRows& keys, double scale) {
  const char* name = "exact_attention";
  require(q_TQD.dim() == 3 && k_NKD.dim() == 3 && v_NKD.sizes() == k_NKD.sizes(), name,
          "expected q [T,Q,D] and k, v [N,K,D]");
  require(q_TQD.size(2) == k_NKD.size(2) && k_NKD.size(1) > 0 && q_TQD.size(1) % k_NKD.size(1) == 0, name,
          "expected q and k of one D, and Q to be a multiple of K");
  require(q_TQD.is_contiguous() && k_NKD.is_contiguous() && v_NKD.is_contiguous(), name, "expected contiguous q, k, v");
  for (const at::Tensor* t : {&k_NKD, &v_NKD})
    require(t->scalar_type() == q_TQD.scalar_type() && t->device() == q_TQD.device(), name,
            "expected q, k, v of one dtype and device");
  for (const at::Tensor* t : {&keys.start_T, &keys.first_T, &keys.count_T})
    require(t->scalar_type() == at::kInt && t->is_contiguous() && t->numel() == q_TQD.size(0) &&
                t->device() == q_TQD.device(),
            name, "expected contiguous int32 start, first and count [T] beside q");
  require(keys.capacity >= 0, name, "expected capacity >= 0");
#ifdef MIRA_CUDA
  if (q_TQD.is_cuda()) return on_device(q_TQD, k_NKD, v_NKD, keys, scale);
#endif
  const int64_t T = q_TQD.size(0), N = k_NKD.size(0);
  const Shape s{q_TQD.size(1), k_NKD.size(1), q_TQD.size(2), keys.capacity, static_cast<float>(scale)};
  const int32_t *start = keys.start_T.const_data_ptr<int32_t>(), *first = keys.first_T.const_data_ptr<int32_t>(),
                *count = keys.count_T.const_data_ptr<int32_t>();
  for (int64_t t = 0; t < T; ++t) {
    const int64_t end = s.capacity ? std::min<int64_t>(s.capacity, first[t] + count[t]) : first[t] + count[t];
    require(count[t] > 0 && start[t] >= 0 && first[t] >= 0 && start[t] + end <= N, name,
            "expected the keys of every query within k");
  }
  at::Tensor out_TQD = at::empty_like(q_TQD);
  dispatch(q_TQD.scalar_type(), name, [&](auto zero) {
    using S = decltype(zero);
    const S *q = q_TQD.const_data_ptr<S>(), *k = k_NKD.const_data_ptr<S>(), *v = v_NKD.const_data_ptr<S>();
    S* out = out_TQD.data_ptr<S>();
    at::parallel_for(0, T * s.Q, 1, [&](int64_t begin, int64_t end) {
      std::vector<float> p, sum_D(static_cast<size_t>(s.D));
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t t = unit / s.Q, kv = unit % s.Q / (s.Q / s.K);
        attend(s, q + unit * s.D, k + kv * s.D, v + kv * s.D, start[t], first[t], count[t], out + unit * s.D, p, sum_D);
      }
    });
  });
  return out_TQD;
}

}  // namespace mira::kernels
