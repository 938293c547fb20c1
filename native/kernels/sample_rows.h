// Draws one token from each row of logits on a CUDA device: temperature, top-k, top-p, inverse CDF, with the rules,
// the Philox uniform and the log-probabilities of native/core/sampler.h, which serves the CPU. Every argument is
// read on the device, so a captured graph can replay it with new contents.
//
// Promise: a row's result is a function of that row and its own settings alone, bit for bit. Weights below 2^-44 of
// the largest are never drawn: masses are summed as integers, whose sum has no order.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

// Settings of n rows, all on the logits' device.
struct SampleSettings {
  at::Tensor temperature_n;  // float64; 0: greedy, the lowest id among equals
  at::Tensor top_k_n;        // int32; 0: off
  at::Tensor top_p_n;        // float64; 1: off
  at::Tensor seed_n;         // int64, the bits of an unsigned seed
  at::Tensor position_n;     // int64: the index the new token will have in its sequence
};

struct SampledRows {
  at::Tensor id_n;                // int32; -1 when a logit of the row is not finite
  at::Tensor logprob_n;           // float32, under softmax(logits / T), T = 1 when greedy
  at::Tensor sampling_logprob_n;  // float32, under the distribution drawn from; 0 when greedy
};

// logits_nV contiguous float32 on CUDA, left as they are. Fills `out`, whose tensors are contiguous and of [n].
void sample_rows(const at::Tensor& logits_nV, const SampleSettings&, const SampledRows& out);
SampledRows empty_samples(int64_t rows, at::Device);

}  // namespace mira::kernels
