// The verbs of a role: score, accumulate gradients, update. One Trainer per role; engine thread only.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "native/core/batch.h"
#include "native/core/forward.h"
#include "native/core/logprob.h"
#include "native/core/objective.h"
#include "native/core/optimizer.h"
#include "native/core/role.h"

namespace mira {

enum class CriticLoss { bce, mse };
struct CriticTargets {
  at::Tensor targets_BM, weights_BM;  // float32; weight 0 = not trained on
  std::vector<CriticLoss> losses;     // [M], both on sigmoid(score)
  double normaliser = 1;
};
struct PolicyStep { double loss = 0; at::Tensor logprob_N, log_ratio_B; };
struct CriticStep { double loss = 0; std::vector<double> loss_per_head; at::Tensor scores_BM; };

class Trainer {
 public:
  explicit Trainer(std::shared_ptr<Role> role);
  const std::shared_ptr<Role>& role() const { return role_; }

  // No gradients.
  Logprobs logprobs(const PackedBatch&, const LogprobOptions&) const;
  at::Tensor logits(const PackedBatch&, const std::atomic<bool>* cancelled) const;      // [T,V] float32
  at::Tensor head_scores(const PackedBatch&, const std::atomic<bool>* cancelled) const; // [B,M] raw

  // Forward and backward; gradients add up until optimizer_step. A cancelled step has added nothing.
  PolicyStep policy_step(const PackedBatch&, const Objective&, const ForwardOptions&, int64_t chunk);
  CriticStep critic_step(const PackedBatch&, const CriticTargets&, const ForwardOptions&);
  void configure_optimizer(const AdamWSpec&);
  OptimizerStep optimizer_step(double lr, double clip_norm);
  void zero_gradients() { gradients_.clear(); }

  const Gradients& gradients() const { return gradients_; }
  // Float32 copies under the names of Role::named(). A gradient that nothing reached is zero; the gradient of
  // a frozen parameter is an error.
  at::Tensor parameter(const std::string& name) const;
  at::Tensor gradient(const std::string& name) const;
  AdamW& optimizer();  // throws when configure_optimizer was not called
  // The parameters were overwritten from outside: pending gradients are dropped, masters follow.
  void parameters_changed();

 private:
  std::shared_ptr<Role> role_;
  Gradients gradients_;
  std::optional<AdamW> optimizer_;
};

}  // namespace mira
