// Mass and log-probability of a row; see row_mass.h.
#include "native/kernels/row_mass.h"
#include <algorithm>
#include <cmath>
#include "native/kernels/row_kernels.h"

namespace mira::kernels {

double run_sum(const float* w, int64_t n) {
  double lane[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int l = 0; l < 4; ++l) lane[l] += w[i + l];
  for (; i < n; ++i) lane[0] += w[i];
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

double weight_sum(const float* w, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i += kMassRun) sum += run_sum(w + i, std::min(kMassRun, n - i));
  return sum;
}

RowMass row_mass(const float* logits, int64_t n, double scale, float* weights) {
  const RowKernels& k = row_kernels();
  RowMass row{k.max(logits, n), 0};
  // Block by block, so that a block's weights are summed while they are in cache.
  constexpr int64_t kBlock = 32 * kMassRun;
  for (int64_t from = 0; from < n; from += kBlock) {
    const int64_t count = std::min(kBlock, n - from);
    k.exp_scaled(logits + from, row.peak, static_cast<float>(scale), count, weights + from);
    for (int64_t i = from; i < from + count; i += kMassRun)
      row.mass += run_sum(weights + i, std::min(kMassRun, from + count - i));
  }
  return row;
}

float row_logprob(float logit, const RowMass& row, double scale) {
  return static_cast<float>((static_cast<double>(logit) - row.peak) * scale - std::log(row.mass));
}

}  // namespace mira::kernels
