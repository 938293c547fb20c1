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
  const int64_t N = batch.scored_N.numel(), A = batch.actions();
  std::visit(Overload{[&](const NllObjective& o) {
                        expect(o.weights_N, N, "weights", "scored token");
                        expect_normaliser(o.normaliser);
                      },
                      [&](const RegressionObjective& o) {
                        expect(o.advantages_A, A, "advantages", "action");
                        expect(o.weights_A, A, "weights", "action");
                        expect(o.reference_N, N, "reference", "scored token");
                        expect_normaliser(o.normaliser);
                      },
                      [&](const WeightedObjective& o) {
                        expect(o.weights_A, A, "weights", "action");
                        expect_normaliser(o.normaliser);
                      },
                      [&](const GradientObjective& o) { expect(o.gradient_N, N, "gradient", "scored token"); }},
             objective);
}

ObjectiveValue evaluate(const Objective& objective, const at::Tensor& logprob_N, const PackedBatch& batch) {
  const int64_t N = batch.scored_N.numel(), A = batch.actions();
  ObjectiveValue value;
  value.gradient_N = at::zeros({N}, at::kFloat);
  value.log_ratio_A = at::empty({0}, at::kFloat);
  const at::Tensor action_N = action_of_scored(batch), logprob_on_cpu = logprob_N.to(at::kCPU);
  const int32_t* action = action_N.const_data_ptr<int32_t>();
  const float* logp = logprob_on_cpu.const_data_ptr<float>();
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
            const float *reference = o.reference_N.const_data_ptr<float>(), *w = o.weights_A.const_data_ptr<float>();
            const float* advantage = o.advantages_A.const_data_ptr<float>();
            std::vector<double> rho(A), count(A), slope(A);
            for (int64_t n = 0; n < N; ++n) {
              rho[action[n]] += double{logp[n]} - reference[n];
              count[action[n]] += 1;
            }
            value.log_ratio_A = at::empty({A}, at::kFloat);
            float* ratio = value.log_ratio_A.data_ptr<float>();
            for (int64_t a = 0; a < A; ++a) {
              const double per_token = o.length_normalised && count[a] > 0 ? 1.0 / count[a] : 1.0;
              ratio[a] = static_cast<float>(rho[a] * per_token);
              const double error = o.beta * rho[a] * per_token - advantage[a];
              value.loss += w[a] * error * error / o.normaliser;
              slope[a] = 2.0 * w[a] * error * o.beta * per_token / o.normaliser;
            }
            for (int64_t n = 0; n < N; ++n) gradient[n] = static_cast<float>(slope[action[n]]);
          },
          [&](const WeightedObjective& o) {
            const float* w = o.weights_A.const_data_ptr<float>();
            for (int64_t n = 0; n < N; ++n) {
              value.loss -= double{w[action[n]]} * logp[n] / o.normaliser;
              gradient[n] = static_cast<float>(-w[action[n]] / o.normaliser);
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
