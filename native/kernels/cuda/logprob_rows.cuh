// Log-probability, entropy and softmax of rows of logits on CUDA, and the way back; logprob_rows.h is the twin and
// the meaning. float32 rows [C,V]; one block per row, whose result depends on that row alone. scale = 1 / temperature.
#pragma once
#include "native/kernels/cuda/types.h"

namespace mira::kernels::cuda {

// Reads logits once. entropy [C], stats [C,2] = {peak, log mass} and probs [C,V] may be null; probs may be logits.
void logprob_rows_forward(const float* logits, const int32_t* targets, double scale, float* logprob, float* entropy,
                          float* stats, float* probs, int64_t C, int64_t V, cudaStream_t stream);

// From softmax rows, in place: probs[c] = grad[c] * scale * (onehot(target) - probs[c]).
void logprob_rows_backward(float* probs, const int32_t* targets, double scale, const float* grad, int64_t C, int64_t V,
                           cudaStream_t stream);

// The same from logits and their stats, in the logits' memory. bf16: row c is written as V bfloat16 at the start of
// its own V floats.
void logprob_rows_gradient(float* logits, const int32_t* targets, double scale, const float* stats, const float* grad,
                           bool bf16, int64_t C, int64_t V, cudaStream_t stream);

}  // namespace mira::kernels::cuda
