// Log-probabilities of scored tokens straight from hidden states: logits exist for one chunk of rows at a
// time, never for all of them; differentiable in the hidden states and the (tied) embedding.
#pragma once
#include <ATen/ATen.h>
#include <atomic>
#include "native/core/batch.h"

namespace mira {

struct LogprobOptions {
  double temperature = 1.0;  // logits are divided by it
  int64_t chunk = 1024;      // rows of logits alive at once
  bool entropy = false;
  const std::atomic<bool>* cancelled = nullptr;
};
struct Logprobs {
  at::Tensor logprob_N;  // float32
  at::Tensor entropy_N;  // float32, nats, no gradient; undefined unless asked for
};

// Rows of hidden_TH that predict the scored tokens (the state one before each), [N,H]; differentiable.
at::Tensor scored_hidden(const at::Tensor& hidden_TH, const PackedBatch&);
// Ids of the scored tokens, int32 [N].
at::Tensor scored_targets(const PackedBatch&);

// log softmax(hidden E^T / temperature)[target] in float32. Backward recomputes the chunks' logits, except
// when all rows fit in one chunk: then their probabilities are kept. The gradient of E is summed in float32.
Logprobs linear_logprob(const at::Tensor& hidden_NH, const at::Tensor& embed_VH, const at::Tensor& targets_N,
                        const LogprobOptions&);

}  // namespace mira
