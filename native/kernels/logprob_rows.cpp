// CPU softmax, log-probability and entropy by rows; see logprob_rows.h.
#include "native/kernels/logprob_rows.h"
#include <cmath>
#include "native/kernels/dispatch.h"

namespace mira::kernels {
namespace {

using simd::Vec;

void check(const at::Tensor& rows_CV, const at::Tensor& targets_C) {
  require(rows_CV.dim() == 2 && rows_CV.is_contiguous() && rows_CV.scalar_type() == at::kFloat, "logprob_rows",
          "expected contiguous float32 rows [C,V]");
  require(targets_C.scalar_type() == at::kInt && targets_C.is_contiguous() && targets_C.numel() == rows_CV.size(0),
          "logprob_rows", "expected int32 targets [C]");
}

}  // namespace

void softmax_logprob_(at::Tensor& logits_CV, const at::Tensor& targets_C, double temperature, at::Tensor logprob_C,
                      at::Tensor entropy_C) {
  check(logits_CV, targets_C);
  require(temperature > 0, "logprob_rows", "expected a positive temperature");
  const int64_t C = logits_CV.size(0), V = logits_CV.size(1);
  const float inverse = static_cast<float>(1.0 / temperature);
  float *rows = logits_CV.data_ptr<float>(), *logprob = logprob_C.data_ptr<float>();
  float* entropy = entropy_C.defined() ? entropy_C.data_ptr<float>() : nullptr;
  const int32_t* targets = targets_C.const_data_ptr<int32_t>();
  at::parallel_for(0, C, grain(V), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      float* row = rows + c * V;
      float peak = -INFINITY;
      Vec top = simd::splat(-INFINITY);
      int64_t v = 0;
      for (; v + simd::W <= V; v += simd::W) top = simd::max(top, simd::load(row + v));
      peak = simd::max(top);
      for (; v < V; ++v) peak = std::max(peak, row[v]);
      const float target = (row[targets[c]] - peak) * inverse;
      // Sums run in float64 across blocks: a vocabulary of 262k would lose digits otherwise.
      double mass = 0, weighted = 0;
      constexpr int64_t kBlock = 64 * simd::W;
      for (int64_t from = 0; from < V; from += kBlock) {
        Vec total{}, dot{};
        const int64_t count = std::min(kBlock, V - from);
        simd::for_lanes(count, [&](int64_t i, auto n) {
          const Vec z = (simd::get(row + from + i, n) - peak) * inverse;
          Vec e = simd::exp(z);
          if (n < simd::W)
            for (int64_t lane = n; lane < simd::W; ++lane) e[lane] = 0;
          total += e;
          if (entropy) dot += e > 0.f ? e * z : e;
          simd::put(row + from + i, e, n);
        });
        mass += simd::sum(total);
        weighted += simd::sum(dot);
      }
      const double log_mass = std::log(mass);
      logprob[c] = static_cast<float>(target - log_mass);
      if (entropy) entropy[c] = static_cast<float>(log_mass - weighted / mass);
      const float scale = static_cast<float>(1.0 / mass);
      simd::for_lanes(V, [&](int64_t i, auto n) { simd::put(row + i, simd::get(row + i, n) * scale, n); });
    }
  });
}

void logprob_backward_(at::Tensor& probs_CV, const at::Tensor& targets_C, double temperature, const at::Tensor& grad_C) {
  check(probs_CV, targets_C);
  const int64_t C = probs_CV.size(0), V = probs_CV.size(1);
  float* rows = probs_CV.data_ptr<float>();
  const float* grad = grad_C.const_data_ptr<float>();
  const int32_t* targets = targets_C.const_data_ptr<int32_t>();
  at::parallel_for(0, C, grain(V), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const float g = grad[c] / static_cast<float>(temperature);
      float* row = rows + c * V;
      simd::for_lanes(V, [&](int64_t i, auto n) { simd::put(row + i, simd::get(row + i, n) * -g, n); });
      row[targets[c]] += g;
    }
  });
}

}  // namespace mira::kernels
