// Log-probabilities of scored tokens straight from hidden states: logits exist for one chunk of rows at a
// time, never for all of them; differentiable in the hidden states and the (tied) embedding.
#pragma once
#include <ATen/ATen.h>
#include <atomic>
#include <functional>
#include "native/core/batch.h"
#include "native/core/exact.h"

namespace mira {

struct LogprobOptions {
  double temperature = 1.0;  // logits are divided by it
  int64_t chunk = 1024;      // rows of logits alive at once
  bool entropy = false;
  Exact exact = Exact::off;  // the sampler's arithmetic, bit for bit; for Trainer
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

// Overwrites float32 logits [n,V] of hidden states [n,H].
using LogitsFunction = std::function<void(const at::Tensor& hidden_nH, at::Tensor& logits_nV)>;

// log softmax(hidden E^T / temperature)[target] in float32. Backward recomputes the chunks' logits, except
// when on the CPU all rows fit in one chunk: then their probabilities are kept. The gradient of E is summed in float32.
// `logits`, when given, takes the place of the product hidden E^T forward; backward is the product's.
Logprobs linear_logprob(const at::Tensor& hidden_NH, const at::Tensor& embed_VH, const at::Tensor& targets_N,
                        const LogprobOptions&, const LogitsFunction& logits = {});

}  // namespace mira
