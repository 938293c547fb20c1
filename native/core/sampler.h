// Draws one token from a row of float32 logits: temperature, then top-k, then top-p, then the inverse CDF over
// ids in ascending order with a Philox uniform. A pure function of (logits, settings, seed, position).
#pragma once
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace mira {

struct SamplerSettings {
  double temperature = 1.0;  // 0: greedy, the lowest id among equals
  int64_t top_k = 0;         // 0: off; among equal logits the lower ids are kept
  double top_p = 1.0;        // 1: off; else the fewest likeliest tokens whose mass reaches top_p
  uint64_t seed = 0;
};

struct Sample {
  int32_t id = 0;
  float logprob = 0;           // under softmax(logits / T), T = 1 when greedy, before top-k and top-p
  float sampling_logprob = 0;  // under the distribution drawn from; 0 when greedy
};

// What a row of logits with a NaN or an infinity ends with.
std::runtime_error not_finite(uint64_t position);

class Sampler {
 public:
  // `position` is the index the new token will have in its sequence. Throws not_finite.
  Sample operator()(const float* logits, int64_t vocab, const SamplerSettings&, uint64_t position);

 private:
  std::vector<float> weights_;  // exp((logit - max) / T); zero once truncated. Kept to save allocations.
  std::vector<int32_t> order_;
};

}  // namespace mira
