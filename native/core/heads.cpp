// Scalar heads; see heads.h.
#include "native/core/heads.h"
#include <ATen/core/grad_mode.h>
#include <ATen/CPUGeneratorImpl.h>
#include <cmath>
#include <stdexcept>

namespace mira {

ScalarHead make_head(const std::string& name, int64_t hidden, int64_t width, uint64_t seed, at::Device device) {
  if (width < 1)
    throw std::invalid_argument("heads." + name + ".width: expected a positive integer, got " + std::to_string(width) + ".");
  at::NoGradGuard no_grad;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const double bound = 1.0 / std::sqrt(static_cast<double>(width));
  ScalarHead head{name, at::empty({width, hidden}, at::kFloat), at::zeros({width}, at::kFloat),
                  at::empty({1, width}, at::kFloat), at::zeros({1}, at::kFloat)};
  head.w1_MH.normal_(0.0, std::sqrt(2.0 / static_cast<double>(hidden)), generator);
  head.w2_1M.uniform_(-bound, bound, generator);
  for (at::Tensor* t : {&head.w1_MH, &head.b1_M, &head.w2_1M, &head.b2_1}) *t = t->to(device).requires_grad_(true);
  return head;
}

at::Tensor head_scores(const std::vector<ScalarHead>& heads, const at::Tensor& hidden_nH) {
  if (heads.empty()) throw std::invalid_argument("role.heads: expected at least one scalar head to score with, got none.");
  const at::Tensor h = hidden_nH.to(at::kFloat);
  std::vector<at::Tensor> scores;
  for (const ScalarHead& head : heads)
    scores.push_back(at::linear(at::linear(h, head.w1_MH, head.b1_M).relu(), head.w2_1M, head.b2_1));
  return scores.size() == 1 ? scores[0] : at::cat(scores, 1);
}

}  // namespace mira
