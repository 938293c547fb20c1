// Temperature, top-k, top-p and the inverse CDF; see sampler.h.
#include "native/core/sampler.h"
#include <algorithm>
#include <stdexcept>
#include <string>
#include "native/core/philox.h"
#include "native/kernels/row_kernels.h"
#include "native/kernels/row_mass.h"

namespace mira {
namespace {

using kernels::kMassRun;
using kernels::run_sum;

// The first id at which the cumulative weight passes `target` < total. Ids of weight zero are never drawn:
// rounding at the very end falls back to the last id that has weight.
int32_t locate(const float* w, int64_t n, double target) {
  double below = 0;
  int64_t last = -1;
  for (int64_t i = 0; i < n; i += kMassRun) {
    const int64_t end = std::min(n, i + kMassRun);
    const double run = run_sum(w + i, end - i);
    if (below + run > target) {
      double at = below;
      for (int64_t j = i; j < end; ++j) {
        if (w[j] <= 0) continue;
        at += w[j];
        last = j;
        if (at > target) return static_cast<int32_t>(j);
      }
    }
    below += run;
  }
  for (int64_t j = n - 1; last < 0 && j >= 0; --j)
    if (w[j] > 0) last = j;
  return static_cast<int32_t>(last);
}

// Zeroes all but the `keep` heaviest weights or, with top_p < 1, the fewest of those whose share of the mass
// of the `keep` heaviest reaches top_p.
void truncate(const float* logits, std::vector<float>& w, std::vector<int32_t>& order, int64_t keep,
              double top_p) {
  const auto n = static_cast<int64_t>(w.size());
  order.resize(w.size());
  for (int64_t i = 0; i < n; ++i) order[i] = static_cast<int32_t>(i);
  // By logit, not by weight: weights far from the maximum underflow to equal zeros.
  const auto heavier = [&](int32_t a, int32_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  if (keep < n) std::nth_element(order.begin(), order.begin() + (keep - 1), order.end(), heavier);
  if (top_p < 1.0) {
    double mass = 0;
    if (keep == n) mass = kernels::weight_sum(w.data(), n);
    else
      for (int64_t i = 0; i < keep; ++i) mass += w[order[i]];
    // Heaviest first, in growing batches: a peaked distribution needs few of a large vocabulary sorted.
    double reached = 0;
    int64_t sorted = 0, at = 0;
    for (int64_t batch = 64; at < keep; batch *= 4) {
      const int64_t next = std::min(keep, sorted + batch);
      std::partial_sort(order.begin() + sorted, order.begin() + next, order.begin() + keep, heavier);
      sorted = next;
      while (at < sorted && (at == 0 || reached < top_p * mass)) reached += w[order[at++]];
      if (reached >= top_p * mass) break;
    }
    keep = at;
  }
  for (int64_t i = keep; i < n; ++i) w[order[i]] = 0;
}

}  // namespace

std::runtime_error not_finite(uint64_t position) {
  return std::runtime_error("generate: expected finite logits, got NaN or infinity at position " +
                            std::to_string(position) + "; the weights have diverged.");
}

Sample Sampler::operator()(const float* logits, int64_t vocab, const SamplerSettings& s, uint64_t position) {
  const bool greedy = s.temperature == 0.0;
  const double scale = greedy ? 1.0 : 1.0 / s.temperature;
  weights_.resize(static_cast<size_t>(vocab));
  const kernels::RowMass row = kernels::row_mass(logits, vocab, scale, weights_.data());
  if (!kernels::row_kernels().all_finite(logits, vocab)) throw not_finite(position);
  const auto logprob = [&](int32_t id, double mass) {
    return kernels::row_logprob(logits[id], {row.peak, mass}, scale);
  };
  if (greedy) {
    const auto id = static_cast<int32_t>(std::find(logits, logits + vocab, row.peak) - logits);
    return {id, logprob(id, row.mass), 0.0f};
  }
  const int64_t keep = s.top_k > 0 && s.top_k < vocab ? s.top_k : vocab;
  double kept = row.mass;
  if (keep < vocab || s.top_p < 1.0) {
    truncate(logits, weights_, order_, keep, s.top_p);
    kept = kernels::weight_sum(weights_.data(), vocab);
  }
  const int32_t id = locate(weights_.data(), vocab, philox_uniform(s.seed, position) * kept);
  return {id, logprob(id, row.mass), std::min(0.0f, logprob(id, kept))};
}

}  // namespace mira
