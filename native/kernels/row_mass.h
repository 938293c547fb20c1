// The softmax mass of one row of logits, and a log-probability from it: the one formula with which the sampler
// reports and training scores a token, so that equal logits give equal bits. float32 weights, summed in double in
// an order that depends on the length alone. Threads are the caller's.
#pragma once
#include <cstdint>

namespace mira::kernels {

// Sum of n weights: by runs of kMassRun, so that the rounding error stays that of the float32 weights.
inline constexpr int64_t kMassRun = 64;
double run_sum(const float* weights, int64_t n);  // one run, n <= kMassRun
double weight_sum(const float* weights, int64_t n);

struct RowMass { float peak; double mass; };
// weights[i] = exp((logits[i] - peak) * scale), peak the largest logit; mass their sum. scale = 1 / temperature.
// weights may be logits.
RowMass row_mass(const float* logits, int64_t n, double scale, float* weights);
// log softmax(logits * scale)[i] in nats, given logits[i].
float row_logprob(float logit, const RowMass&, double scale);

}  // namespace mira::kernels
