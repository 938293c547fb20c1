// Scoring and training steps of one role; see trainer.h.
#include "native/core/trainer.h"
#include <torch/csrc/autograd/autograd.h>
#include <cmath>
#include <stdexcept>
#include <unordered_map>
#include "native/core/cancelled.h"
#include "native/core/heads.h"
#include "native/core/lora.h"

namespace mira {
namespace {

// Hidden states at the last token of each sequence, [B,H].
at::Tensor last_hidden(const at::Tensor& hidden_TH, const PackedBatch& batch) {
  return hidden_TH.index_select(0, batch.offsets_B1.narrow(0, 1, batch.sequences()).sub(1));
}

void check_targets(const CriticTargets& t, int64_t B, int64_t M) {
  const auto expect = [&](const at::Tensor& x, const char* field) {
    if (x.scalar_type() != at::kFloat || x.numel() != B * M || !x.is_contiguous())
      throw std::invalid_argument(std::string("spec.") + field + ": expected " + std::to_string(B) + " x " +
                                  std::to_string(M) + " float32 values (sequences x heads), got " +
                                  std::to_string(x.numel()) + ".");
  };
  expect(t.targets_BM, "targets");
  expect(t.weights_BM, "weights");
  if (static_cast<int64_t>(t.losses.size()) != M)
    throw std::invalid_argument("spec.losses: expected one per head, " + std::to_string(M) + ", got " + std::to_string(t.losses.size()) + ".");
  if (!(t.normaliser > 0))
    throw std::invalid_argument("spec.normaliser: expected a positive number, got " + std::to_string(t.normaliser) + ".");
  const float *target = t.targets_BM.const_data_ptr<float>(), *weight = t.weights_BM.const_data_ptr<float>();
  for (int64_t i = 0; i < B * M; ++i)
    if (weight[i] != 0 && !(target[i] >= 0 && target[i] <= 1))
      throw std::invalid_argument("spec.targets: expected values in [0, 1], entry " + std::to_string(i) + " is " + std::to_string(target[i]) + ".");
}

}  // namespace

Trainer::Trainer(std::shared_ptr<Role> role) : role_(std::move(role)), gradients_(role_->trainable()) {}

Logprobs Trainer::logprobs(const PackedBatch& batch, const LogprobOptions& options) const {
  at::NoGradGuard no_grad;
  const at::Tensor hidden_TH = forward_hidden(*role_, batch, {.checkpoint = false, .cancelled = options.cancelled});
  return linear_logprob(scored_hidden(hidden_TH, batch), role_->weights->embed_VH, scored_targets(batch), options);
}

at::Tensor Trainer::logits(const PackedBatch& batch, const std::atomic<bool>* cancelled) const {
  at::NoGradGuard no_grad;
  return logits_float32(*role_, forward_hidden(*role_, batch, {.checkpoint = false, .cancelled = cancelled}));
}

at::Tensor Trainer::head_scores(const PackedBatch& batch, const std::atomic<bool>* cancelled) const {
  at::NoGradGuard no_grad;
  const at::Tensor hidden_TH = forward_hidden(*role_, batch, {.checkpoint = false, .cancelled = cancelled});
  return mira::head_scores(role_->heads, last_hidden(hidden_TH, batch));
}

PolicyStep Trainer::policy_step(const PackedBatch& batch, const Objective& objective, const ForwardOptions& options,
                                int64_t chunk) {
  check_objective(objective, batch);
  if (!role_->trains_weights && !role_->lora)
    throw std::invalid_argument("policyStep: role '" + role_->name + "' trains heads only; use criticStep.");
  at::AutoGradMode with_grad(true);
  const at::Tensor hidden_TH = forward_hidden(*role_, batch, options);
  const Logprobs scored = linear_logprob(scored_hidden(hidden_TH, batch), role_->weights->embed_VH,
                                         scored_targets(batch),
                                         {.temperature = 1.0, .chunk = chunk, .entropy = false, .cancelled = options.cancelled});
  const at::Tensor logprob_N = scored.logprob_N.detach();
  ObjectiveValue value = evaluate(objective, logprob_N, batch);
  poll(options.cancelled);
  if (scored.logprob_N.requires_grad() && logprob_N.numel() > 0)
    torch::autograd::backward({scored.logprob_N}, {value.gradient_N});
  gradients_.collect();
  return {value.loss, logprob_N, value.log_ratio_B};
}

CriticStep Trainer::critic_step(const PackedBatch& batch, const CriticTargets& targets, const ForwardOptions& options) {
  const int64_t B = batch.sequences(), M = static_cast<int64_t>(role_->heads.size());
  if (M == 0) throw std::invalid_argument("criticStep: role '" + role_->name + "' has no heads; give them in its spec.");
  check_targets(targets, B, M);
  at::AutoGradMode with_grad(true);
  const at::Tensor scores_BM = mira::head_scores(role_->heads, last_hidden(forward_hidden(*role_, batch, options), batch));
  const at::Tensor detached = scores_BM.detach().contiguous();
  at::Tensor gradient_BM = at::zeros({B, M}, at::kFloat);
  CriticStep step{0, std::vector<double>(M), detached};
  const float *score = detached.const_data_ptr<float>(), *target = targets.targets_BM.const_data_ptr<float>();
  const float* weight = targets.weights_BM.const_data_ptr<float>();
  float* gradient = gradient_BM.data_ptr<float>();
  for (int64_t i = 0; i < B * M; ++i) {
    const double s = score[i], y = target[i], w = weight[i] / targets.normaliser, p = 1.0 / (1.0 + std::exp(-s));
    if (w == 0) continue;
    double loss;
    if (targets.losses[i % M] == CriticLoss::bce) {
      // softplus(s) - s y, in the form that does not overflow.
      loss = std::max(s, 0.0) + std::log1p(std::exp(-std::abs(s))) - s * y;
      gradient[i] = static_cast<float>(w * (p - y));
    } else {
      loss = (p - y) * (p - y);
      gradient[i] = static_cast<float>(2.0 * w * (p - y) * p * (1.0 - p));
    }
    step.loss_per_head[i % M] += w * loss;
    step.loss += w * loss;
  }
  poll(options.cancelled);
  torch::autograd::backward({scores_BM}, {gradient_BM});
  gradients_.collect();
  return step;
}

void Trainer::configure_optimizer(const AdamWSpec& spec) {
  if (optimizer_) optimizer_->set_spec(spec);
  else optimizer_.emplace(spec);
}

AdamW& Trainer::optimizer() {
  if (!optimizer_)
    throw std::invalid_argument("role '" + role_->name + "' has no optimizer; call configureOptimizer first.");
  return *optimizer_;
}

OptimizerStep Trainer::optimizer_step(double lr, double clip_norm) { return optimizer().step(gradients_, lr, clip_norm); }

namespace {

at::Tensor find(const std::vector<std::pair<std::string, at::Tensor>>& named, const std::string& name,
                const std::string& role) {
  for (const auto& [candidate, tensor] : named)
    if (candidate == name) return tensor;
  throw std::invalid_argument("name: role '" + role + "' has no parameter '" + name + "'; parameters() lists them.");
}

}  // namespace

at::Tensor Trainer::parameter(const std::string& name) const {
  at::NoGradGuard no_grad;
  return find(role_->named(), name, role_->name).detach().to(at::kFloat, false, /*copy=*/true).contiguous();
}

at::Tensor Trainer::gradient(const std::string& name) const {
  at::NoGradGuard no_grad;
  std::unordered_map<const c10::TensorImpl*, size_t> index;
  for (size_t i = 0; i < gradients_.size(); ++i) index[gradients_.parameter(i).unsafeGetTensorImpl()] = i;
  const auto gradient_of = [&](const at::Tensor& parameter) {
    const auto found = index.find(parameter.unsafeGetTensorImpl());
    const at::Tensor g = found == index.end() ? at::Tensor() : gradients_.of(found->second);
    return g.defined() ? g : at::zeros(parameter.sizes(), at::kFloat);
  };
  find(role_->named(), name, role_->name);  // an unknown name and a frozen one are different mistakes
  // A projection is a row range of a fused matrix: take the same range of that matrix's gradient.
  std::vector<std::pair<std::string, at::Tensor>> named;
  if (role_->trains_weights) named = map_weights(*role_->weights, gradient_of)->named_views();
  if (role_->lora)
    for (const auto& [key, tensor] : named_adapters(*role_->lora)) named.emplace_back(key, gradient_of(tensor));
  for (const auto& [key, tensor] : role_->named_heads()) named.emplace_back(key, gradient_of(tensor));
  for (const auto& [key, tensor] : named)
    if (key == name) return tensor.detach().clone().contiguous();
  throw std::invalid_argument("name: '" + name + "' is frozen in role '" + role_->name + "' and has no gradient.");
}

void Trainer::parameters_changed() {
  gradients_.clear();
  if (optimizer_) optimizer_->refresh_masters(gradients_);
}

}  // namespace mira
