// What a policy step minimises, as closed forms: loss and dL/dlogp for the scored tokens' log-probabilities.
// float64 arithmetic on N numbers; the network's backward pass starts from the gradient returned here.
#pragma once
#include <ATen/ATen.h>
#include <variant>
#include "native/core/batch.h"

namespace mira {

// All vectors are float32 on the CPU, [N] (one per scored token) or [A] (one per action; batch.h).
// sum_n w_n * -logp_n / normaliser
struct NllObjective { at::Tensor weights_N; double normaliser = 1; };
// sum_a w_a (beta rho_a - A_a)^2 / normaliser, rho_a = sum_{n in a} (logp_n - ref_n), divided by the number of
// scored tokens of a when length_normalised. MiRA (arXiv 2603.19685) Eq. 12.
struct RegressionObjective {
  double beta = 1;
  at::Tensor advantages_A, reference_N, weights_A;
  double normaliser = 1;
  bool length_normalised = false;
};
// sum_a -w_a sum_{n in a} logp_n / normaliser: advantage-weighted likelihood.
struct WeightedObjective { at::Tensor weights_A; double normaliser = 1; };
// dL/dlogp_n computed elsewhere; the loss is reported as sum_n grad_n logp_n, its linearisation.
struct GradientObjective { at::Tensor gradient_N; };

using Objective = std::variant<NllObjective, RegressionObjective, WeightedObjective, GradientObjective>;

struct ObjectiveValue {
  double loss = 0;
  at::Tensor gradient_N;   // float32
  at::Tensor log_ratio_A;  // float32 rho_a; empty unless the objective has one
};

// Throws std::invalid_argument when a vector has the wrong length or the normaliser is not positive.
void check_objective(const Objective&, const PackedBatch&);
// logprob_N may live on any device; results are on the CPU.
ObjectiveValue evaluate(const Objective&, const at::Tensor& logprob_N, const PackedBatch&);

}  // namespace mira
