// Closed forms of the policy objectives; see objective.h.
#include "native/core/objective.h"
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace mira {
namespace {

template <class... F>
struct Overload : F... { using F::operator()...; };

void expect(const at::Tensor& t, int64_t length, const char* field, const char* what) {
  if (t.scalar_type() != at::kFloat || t.dim() != 1 || !t.is_contiguous() || t.numel() != length)
    throw std::invalid_argument(std::string("objective.") + field + ": expected " + std::to_string(length) +
                                " float32 values, one per " + what + ", got " + std::to_string(t.numel()) + ".");
}

void expect_normaliser(double normaliser) {
  if (!(normaliser > 0) || !std::isfinite(normaliser))
    throw std::invalid_argument("objective.normaliser: expected a positive number, got " + std::to_string(normaliser) + ".");
}

}  // namespace

void check_objective(const Objective& objective, const PackedBatch& batch) {
  const int64_t N = batch.scored_N.numel(), B = batch.sequences();
  std::visit(Overload{[&](const NllObjective& o) {
                        expect(o.weights_N, N, "weights", "scored token");
                        expect_normaliser(o.normaliser);
                      },
                      [&](const RegressionObjective& o) {
                        expect(o.advantages_B, B, "advantages", "sequence");
                        expect(o.weights_B, B, "weights", "sequence");
                        expect(o.reference_N, N, "reference", "scored token");
                        expect_normaliser(o.normaliser);
                      },
                      [&](const WeightedObjective& o) {
                        expect(o.weights_B, B, "weights", "sequence");
                        expect_normaliser(o.normaliser);
                      },
                      [&](const GradientObjective& o) { expect(o.gradient_N, N, "gradient", "scored token"); }},
             objective);
}

ObjectiveValue evaluate(const Objective& objective, const at::Tensor& logprob_N, const PackedBatch& batch) {
  const int64_t N = batch.scored_N.numel(), B = batch.sequences();
  ObjectiveValue value;
  value.gradient_N = at::zeros({N}, at::kFloat);
  value.log_ratio_B = at::empty({0}, at::kFloat);
  const at::Tensor sequence_N = sequence_of_scored(batch);
  const int32_t* sequence = sequence_N.const_data_ptr<int32_t>();
  const float* logp = logprob_N.const_data_ptr<float>();
  float* gradient = value.gradient_N.data_ptr<float>();

  std::visit(
      Overload{
          [&](const NllObjective& o) {
            const float* w = o.weights_N.const_data_ptr<float>();
            for (int64_t n = 0; n < N; ++n) {
              value.loss -= double{w[n]} * logp[n] / o.normaliser;
              gradient[n] = static_cast<float>(-w[n] / o.normaliser);
            }
          },
          [&](const RegressionObjective& o) {
            const float *reference = o.reference_N.const_data_ptr<float>(), *w = o.weights_B.const_data_ptr<float>();
            const float* advantage = o.advantages_B.const_data_ptr<float>();
            std::vector<double> rho(B), count(B), slope(B);
            for (int64_t n = 0; n < N; ++n) {
              rho[sequence[n]] += double{logp[n]} - reference[n];
              count[sequence[n]] += 1;
            }
            value.log_ratio_B = at::empty({B}, at::kFloat);
            float* ratio = value.log_ratio_B.data_ptr<float>();
            for (int64_t b = 0; b < B; ++b) {
              const double per_token = o.length_normalised && count[b] > 0 ? 1.0 / count[b] : 1.0;
              ratio[b] = static_cast<float>(rho[b] * per_token);
              const double error = o.beta * rho[b] * per_token - advantage[b];
              value.loss += w[b] * error * error / o.normaliser;
              slope[b] = 2.0 * w[b] * error * o.beta * per_token / o.normaliser;
            }
            for (int64_t n = 0; n < N; ++n) gradient[n] = static_cast<float>(slope[sequence[n]]);
          },
          [&](const WeightedObjective& o) {
            const float* w = o.weights_B.const_data_ptr<float>();
            for (int64_t n = 0; n < N; ++n) {
              value.loss -= double{w[sequence[n]]} * logp[n] / o.normaliser;
              gradient[n] = static_cast<float>(-w[sequence[n]] / o.normaliser);
            }
          },
          [&](const GradientObjective& o) {
            const float* g = o.gradient_N.const_data_ptr<float>();
            for (int64_t n = 0; n < N; ++n) {
              value.loss += double{g[n]} * logp[n];
              gradient[n] = g[n];
            }
          }},
      objective);
  return value;
}

}  // namespace mira
