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
  return hidden_TH.index_select(0, batch.offsets_B1.narrow(0, 1, batch.sequences()).sub(1).to(hidden_TH.device()));
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

// Fills the losses of `step` from its scores and returns dL/dscore, float32 [B,M].
at::Tensor critic_gradient(const CriticTargets& targets, CriticStep& step) {
  const int64_t B = step.scores_BM.size(0), M = step.scores_BM.size(1);
  at::Tensor gradient_BM = at::zeros({B, M}, at::kFloat);
  const float *score = step.scores_BM.const_data_ptr<float>(), *target = targets.targets_BM.const_data_ptr<float>();
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
  return gradient_BM;
}

LogitsFunction logits_of(ExactForward* exact) {
  if (!exact) return {};
  return [exact](const at::Tensor& hidden_nH, at::Tensor& logits_nV) { exact->logits(hidden_nH, logits_nV); };
}

}  // namespace

Trainer::Trainer(std::shared_ptr<Role> role) : role_(std::move(role)), exact_(role_), gradients_(role_->trainable()) {}

Logprobs Trainer::logprobs(const PackedBatch& batch, const LogprobOptions& options) {
  at::NoGradGuard no_grad;
  ExactForward* const exact = exact_.get(options.exact);
  const at::Tensor hidden_TH = exact ? exact->trace(batch, /*keep_residuals=*/false, options.cancelled).hidden_TH
                                     : forward_hidden(*role_, batch, {.cancelled = options.cancelled});
  const PackedBatch there = batch.to(device());
  const Logprobs found = linear_logprob(scored_hidden(hidden_TH, there), role_->weights->embed_VH, scored_targets(there), options,
                                         logits_of(exact));
  return {found.logprob_N.to(at::kCPU), found.entropy_N.defined() ? found.entropy_N.to(at::kCPU) : at::Tensor()};
}

at::Tensor Trainer::logits(const PackedBatch& batch, const std::atomic<bool>* cancelled) const {
  at::NoGradGuard no_grad;
  return logits_float32(*role_, forward_hidden(*role_, batch, {.cancelled = cancelled})).to(at::kCPU);
}

at::Tensor Trainer::head_scores(const PackedBatch& batch, const std::atomic<bool>* cancelled) const {
  at::NoGradGuard no_grad;
  const at::Tensor hidden_TH = forward_hidden(*role_, batch, {.cancelled = cancelled});
  return mira::head_scores(role_->heads, last_hidden(hidden_TH, batch)).to(at::kCPU);
}

template <class F>
void Trainer::accumulate(F&& pass) {
  gradients_.begin();
  try {
    pass();
  } catch (...) {
    gradients_.abandon();
    throw;
  }
  gradients_.collect();
}

PolicyStep Trainer::policy_step(const PackedBatch& batch, const Objective& objective, const ForwardOptions& options,
                                int64_t chunk, Exact kind) {
  check_objective(objective, batch);
  if (!role_->trains_weights && !role_->lora)
    throw std::invalid_argument("policyStep: role '" + role_->name + "' trains heads only; use criticStep.");
  at::AutoGradMode with_grad(true);
  ExactForward* const exact = exact_.get(kind);
  PolicyStep step;
  accumulate([&] {
    const PackedBatch there = batch.to(device());
    const at::Tensor hidden_TH =
        exact ? exact_hidden(*role_, batch, exact->trace(batch, /*keep_residuals=*/true, options.cancelled))
              : forward_hidden(*role_, batch, options);
    const at::Tensor logprob_N =
        linear_logprob(scored_hidden(hidden_TH, there), role_->weights->embed_VH, scored_targets(there),
                       {.temperature = 1.0, .chunk = chunk, .entropy = false, .cancelled = options.cancelled},
                       logits_of(exact)).logprob_N;
    step.logprob_N = logprob_N.detach().to(at::kCPU);
    const ObjectiveValue value = evaluate(objective, step.logprob_N, batch);
    step.loss = value.loss;
    step.log_ratio_A = value.log_ratio_A;
    poll(options.cancelled);
    if (logprob_N.requires_grad() && logprob_N.numel() > 0)
      torch::autograd::backward({logprob_N}, {value.gradient_N.to(device())});
  });
  return step;
}

CriticStep Trainer::critic_step(const PackedBatch& batch, const CriticTargets& targets, const ForwardOptions& options) {
  const int64_t B = batch.sequences(), M = static_cast<int64_t>(role_->heads.size());
  if (M == 0) throw std::invalid_argument("criticStep: role '" + role_->name + "' has no heads; give them in its spec.");
  check_targets(targets, B, M);
  at::AutoGradMode with_grad(true);
  CriticStep step{0, std::vector<double>(M), {}};
  accumulate([&] {
    const at::Tensor scores_BM = mira::head_scores(role_->heads, last_hidden(forward_hidden(*role_, batch, options), batch));
    step.scores_BM = scores_BM.detach().to(at::kCPU).contiguous();
    const at::Tensor gradient_BM = critic_gradient(targets, step);
    poll(options.cancelled);
    torch::autograd::backward({scores_BM}, {gradient_BM.to(device())});
  });
  return step;
}

MemoryUse Trainer::activation_memory(const PackedBatch& batch, const ForwardOptions& options) const {
  at::AutoGradMode with_grad(true);
  forward_hidden(*role_, batch, options);  // what is made once and cached does not belong to the pass
  MemoryMeter meter;
  const at::Tensor hidden_TH = forward_hidden(*role_, batch, options);
  return meter.use();
}

void Trainer::configure_optimizer(const AdamWSpec& spec) noexcept {
  try {
    gradients_.set_storage(spec.gradients);
    if (optimizer_) optimizer_->set_spec(spec);
    else optimizer_.emplace(spec);
    refused_ = nullptr;
  } catch (...) {
    refused_ = std::current_exception();
  }
}

AdamW& Trainer::optimizer() {
  if (refused_) std::rethrow_exception(refused_);
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
  return find(role_->named(), name, role_->name).detach().to(at::kCPU, at::kFloat, false, /*copy=*/true).contiguous();
}

at::Tensor Trainer::gradient(const std::string& name) const {
  at::NoGradGuard no_grad;
  std::unordered_map<const c10::TensorImpl*, size_t> index;
  for (size_t i = 0; i < gradients_.size(); ++i) index[gradients_.parameter(i).unsafeGetTensorImpl()] = i;
  const auto gradient_of = [&](const at::Tensor& parameter) {
    const auto found = index.find(parameter.unsafeGetTensorImpl());
    const at::Tensor g = found == index.end() ? at::Tensor() : gradients_.of(found->second);
    return g.defined() ? g.to(at::kCPU, at::kFloat) : at::zeros(parameter.sizes(), at::kFloat);
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
